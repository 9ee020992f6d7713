# phpize's rule would write a header anew where its stub is newer, as it may be after a git pull, with
# a parser from the network. It is made by arginfo.sh, and comes with the sources.
$(srcdir)/bindings/php/%_arginfo.h: ;
