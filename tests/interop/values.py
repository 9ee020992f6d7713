"""The values of PROTOCOL.md's conversion table, and what each language should make of them."""

LANGUAGES = ("c", "php", "python")


class Value:
    """One value: its bytes, and for the languages that change them what becomes of them."""

    def __init__(self, name, data, every=None, **forms):
        self.name = name
        self.data = data
        self.forms = forms if every is None else dict.fromkeys(LANGUAGES, every)

    def through(self, *languages):
        """The bytes after each of the languages has read and written them."""
        for language in languages:
            if language in self.forms:
                return self.forms[language]
        return self.data


def text(data):
    return b's:%d:"%s";' % (len(data), data)


def array(*pairs):
    """An array of encoded keys and values."""
    return b"a:%d:{%s}" % (len(pairs), b"".join(key + item for key, item in pairs))


def key_int(number, item=b"i:1;"):
    return b"i:%d;" % number, item


def key_text(data, item=b"i:1;"):
    return text(data), item


def listed(*items):
    return array(*(key_int(at, item) for at, item in enumerate(items)))


def nested(depth):
    return b"a:1:{i:0;" * (depth - 1) + b"a:0:{}" + b"}" * (depth - 1)


def nested_maps(depth):
    return b'a:1:{s:1:"k";' * (depth - 1) + b'a:1:{i:3;s:3:"end";}' + b"}" * (depth - 1)


def scalars():
    yield Value("null", b"N;")
    yield Value("true", b"b:1;")
    yield Value("false", b"b:0;")
    for number in (0, 1, -1, 7, 255, 2**31 - 1, -2**31, 2**31, 2**53 + 1, 2**63 - 1, -2**63):
        yield Value("int %d" % number, b"i:%d;" % number)
    for digits in ("0.5", "0.1", "-0.1", "3", "0", "-0", "-3", "5.0E-324", "-5.0E-324",
                   "2.2250738585072014E-308", "1.7976931348623157E+308",
                   "-1.7976931348623157E+308", "0.30000000000000004", "3.141592653589793",
                   "9007199254740992", "1.0E+25", "1.0E+17", "10000000000000000", "0.0001",
                   "1.0E-5", "1.5E+300", "123456.789", "INF", "-INF", "NAN"):
        yield Value("float " + digits, b"d:%s;" % digits.encode())
    for digits, form in (("3.0", "3"), ("0.10", "0.1"), ("-0.0", "-0"), ("5e-324", "5.0E-324"),
                         ("1e2", "100"), ("1E400", "INF"), ("-1E400", "-INF"), ("1E-400", "0"),
                         ("-1E-400", "-0"), ("0.1000000000000000055511151231257827", "0.1"),
                         ("1.7976931348623157e308", "1.7976931348623157E+308")):
        yield Value("float written " + digits, b"d:%s;" % digits.encode(),
                    every=b"d:%s;" % form.encode())


def strings():
    for name, data in (
            ("empty", b""), ("ascii", b"hello"), ("digits", b"7"), ("blank", b" "),
            ("utf-8", "h\u00e9llo, \u4f60\u597d, \U0001f600".encode()),
            ("utf-8 highest", "\U0010ffff".encode()), ("byte order mark", b"\xef\xbb\xbfx"),
            ("binary", bytes(range(256))), ("binary 0xff", b"\xff"),
            ("binary cut utf-8", b"\xe4\xbd"), ("binary overlong", b"\xc0\x80"),
            ("binary surrogate", b"\xed\xa0\x80"), ("binary too high", b"\xf4\x90\x80\x80"),
            ("quotes and braces", b'";}{"a:1:{i:0;N;}\'\\'), ("looks encoded", b's:1:"a";'),
            ("nul", b"\0"), ("nul inside", b"a\0b\0"), ("line ends", b"a\r\nb\tc\n"),
            ("100 KB", b"0123456789" * 10240), ("100 KB binary", bytes(range(256)) * 400)):
        yield Value("string " + name, text(data))


def marked():
    """Maps that look like lists, and bytes that look like text: PHP has neither."""
    yield Value("map empty", b"a:00:{}", php=b"a:0:{}")
    yield Value("map of list keys", b'a:02:{i:0;i:5;i:1;a:00:{}}', php=b"a:2:{i:0;i:5;i:1;a:0:{}}")
    ten = b"".join(b"i:%d;N;" % at for at in range(10))
    yield Value("map of ten list keys", b"a:010:{%s}" % ten, php=b"a:10:{%s}" % ten)
    yield Value("bytes empty", b's:00:"";', php=b's:0:"";')
    yield Value("bytes ascii", b's:05:"hello";', php=b's:5:"hello";')
    yield Value("bytes utf-8", b's:02:"\xc3\xa9";', php=b's:2:"\xc3\xa9";')
    yield Value("bytes in a map", array(key_text(b"k", b's:02:"hi";')),
                php=array(key_text(b"k", text(b"hi"))))


def lists():
    yield Value("list empty", b"a:0:{}")
    yield Value("list of one null", listed(b"N;"))
    yield Value("list flat", listed(b"i:1;", b'd:3;', b'b:0;', text(b"x"), b"N;", text(b"\xff")))
    yield Value("list of empty lists", listed(b"a:0:{}", b"a:0:{}"))
    yield Value("list nested", listed(listed(b"i:1;", listed(text(b"a"))), b"a:0:{}", b"i:2;"))
    yield Value("list of maps", listed(array(key_text(b"id")), array(key_text(b"id", b"i:2;"))))
    yield Value("list of 2000", listed(*(b"i:%d;" % (at * at) for at in range(2000))))
    yield Value("list 200 deep", nested(200))
    yield Value("list 509 deep", nested(509))
    yield Value("map 100 deep", nested_maps(100))
    yield Value("map 509 deep", nested_maps(509))


def maps():
    yield Value("map text keys", array(key_text(b"b"), key_text(b"a", text(b"x"))))
    yield Value("map empty key", array(key_text(b"")))
    yield Value("map utf-8 key", array(key_text("\u4f60\u597d".encode())))
    yield Value("map binary key", array(key_text(b"\xff\0"), key_text(b"ok")))
    yield Value("map quotes in key", array(key_text(b'";i:1;}')))
    yield Value("map int keys", array(key_int(5), key_int(6), key_int(7)))
    yield Value("map from 1", array(key_int(1), key_int(2)))
    yield Value("map sparse", array(key_int(0), key_int(2), key_int(1000000)))
    yield Value("map unordered", array(key_int(2), key_int(0), key_int(1)))
    yield Value("map backwards", array(key_int(1), key_int(0)))
    yield Value("map negative", array(key_int(-1), key_int(0), key_int(-7)))
    yield Value("map extreme keys", array(key_int(-2**63), key_int(2**63 - 1)))
    yield Value("map mixed", array(key_int(0), key_text(b"a", listed(b"N;")), key_int(1)))
    yield Value("map in map", array(key_text(b"a", array(key_text(b"b", b"a:0:{}"), key_int(9)))))
    for name in (b"07", b"-0", b"-07", b"+7", b" 7", b"7 ", b"1.5", b"1e3", b"-", b"0x7",
                 b"9223372036854775808", b"-9223372036854775809"):
        yield Value("map key %r stays text" % name.decode(), array(key_text(name)))
    for number in (0, 7, -5, 2**63 - 1, -2**63 + 1, -2**63):
        yield Value("map key '%d'" % number, array(key_text(b"%d" % number)),
                    php=array(key_int(number)))
    yield Value("map keys '0' '1'", array(key_text(b"0"), key_text(b"1")),
                php=listed(b"i:1;", b"i:1;"))
    yield Value("map keys 7 and '7'", array(key_int(7), key_text(b"a"), key_text(b"7", b"i:2;")),
                php=array(key_int(7, b"i:2;"), key_text(b"a")))
    once = array(key_text(b"k", b"i:2;"), key_text(b"a"))
    yield Value("map key twice", array(key_text(b"k"), key_text(b"a"), key_text(b"k", b"i:2;")),
                php=once, python=once)


ALL = [*scalars(), *strings(), *lists(), *maps(), *marked()]

TYPES = {"c": {"N": "null", "b": "bool", "i": "int", "d": "float"},
         "php": {"N": "NULL", "b": "boolean", "i": "integer", "d": "double"},
         "python": {"N": "NoneType", "b": "bool", "i": "int", "d": "float"}}


def kind(language, data):
    """What the language should call the value: "dict(str:int,int:str)"."""
    found, at = _kind(language, data, 0)
    if at != len(data):
        raise ValueError("bytes after the value at %d" % at)
    return found


def _kind(language, data, at):
    letter = chr(data[at])
    if letter == "s":
        colon = data.index(b":", at + 2)
        end = colon + 2 + int(data[at + 2:colon])
        is_bytes = language == "python" and colon > at + 3 and data[at + 2:at + 3] == b"0"
        return "bytes" if is_bytes else _string(language, data[colon + 2:end]), end + 2
    if letter != "a":
        return TYPES[language][letter], data.index(b";", at) + 1
    colon = data.index(b":", at + 2)
    count = int(data[at + 2:colon])
    is_list = colon == at + 3 or data[at + 2:at + 3] != b"0"
    at = colon + 2
    parts = []
    for place in range(count):
        is_list = is_list and data.startswith(b"i:%d;" % place, at)
        name, at = _kind(language, data, at)
        item, at = _kind(language, data, at)
        parts.append(name + ":" + item)
    if language == "python" and is_list:
        return "list(%s)" % ",".join(part.split(":", 1)[1] for part in parts), at + 1
    return "%s(%s)" % ("dict" if language == "python" else "array", ",".join(parts)), at + 1


def _string(language, data):
    if language != "python":
        return "string"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "bytes"
    return "str"
