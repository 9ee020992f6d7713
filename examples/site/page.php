<?php
/** The page itself: $id, $wait, $names, $product, $reviews, $failed, $ms come from index.php. */

declare(strict_types=1);

function h(mixed $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

function stars(float $count): string
{
    $full = (int) round($count);
    return '<span class="stars" role="img" aria-label="' . h(round($count, 1)) . ' of 5 stars">'
        . str_repeat('★', $full) . '<i>' . str_repeat('★', 5 - $full) . '</i></span>';
}

/* A part that could not be had. What went wrong is in the log: addresses are nobody's business. */
function absent(string $what, Dora\Exception $error): string
{
    return '<p class="absent"><b>' . h($what) . '</b><br><small>Please try again in a moment. Code '
        . $error->getCode() . '</small></p>';
}

/* One line of the table of times, with a bar: how much of the longest it is. */
function timing(string $name, ?array $served, float $longest): string
{
    if ($served === null) {
        return '<tr><th>' . h($name) . '</th><td colspan="3" class="muted">no answer</td></tr>';
    }
    return '<tr><th>' . h($name) . '<small>' . h($served['by']) . '</small></th>'
        . '<td class="bar"><span style="width:' . round(100 * $served['ms'] / $longest, 1)
        . '%"></span></td><td class="ms">' . number_format($served['ms'], 2) . '&nbsp;ms</td>'
        . '<td class="muted who">' . h($served['server'])
        . ($served['pid'] ? '<small>process&nbsp;' . h($served['pid']) . '</small>' : '')
        . '</td></tr>';
}

$whole = ['by' => 'over the network', 'server' => 'this page', 'pid' => getmypid(), 'ms' => $ms];
$longest = max($ms, $product['served']['ms'] ?? 0, $reviews['served']['ms'] ?? 0, 0.01);
$sum = ($product['served']['ms'] ?? 0) + ($reviews['served']['ms'] ?? 0);
?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><?= h($product['name'] ?? 'The shop') ?></title>
<link rel="icon" href="data:,">
<style><?php readfile(__DIR__ . '/page.css') ?></style>
</head>
<body>
<header>
  <a class="home" href="/">Kettle &amp; Co.</a>
  <nav>
<?php foreach ($names ?? [] as $each => $name): ?>
    <a href="/?id=<?= h($each) ?>"<?= $each === $id ? ' aria-current="page"' : '' ?>>
      <?= h($name) ?></a>
<?php endforeach ?>
  </nav>
</header>
<main>
  <section class="product" data-service="product" data-state="<?= $product ? 'ok' : 'failed' ?>">
<?php if ($product): ?>
    <svg viewBox="0 0 64 64" aria-hidden="true"><path d="<?= h($product['drawing']) ?>"/></svg>
    <div>
      <h1><?= h($product['name']) ?></h1>
      <p class="price">&euro;&nbsp;<?= number_format($product['price'], 2) ?></p>
      <p><?= h($product['text']) ?></p>
      <ul class="facts">
<?php foreach ($product['facts'] as $fact): ?>
        <li><?= h($fact) ?></li>
<?php endforeach ?>
      </ul>
    </div>
<?php else: ?>
    <?= absent('This product cannot be shown right now.', $failed['product']), "\n" ?>
<?php endif ?>
  </section>

  <section data-service="reviews" data-state="<?= $reviews ? 'ok' : 'failed' ?>">
    <h2>What people say<?php if ($reviews && $reviews['average'] !== null): ?>
      <span class="average"><?= stars($reviews['average']) ?>
        <?= number_format($reviews['average'], 1) ?></span><?php endif ?></h2>
<?php if (!$reviews): ?>
    <?= absent('The reviews cannot be shown right now.', $failed['reviews']), "\n" ?>
<?php elseif (!$reviews['reviews']): ?>
    <p class="muted">Nobody has said anything yet.</p>
<?php else: ?>
    <ul class="reviews">
<?php foreach ($reviews['reviews'] as $review): ?>
      <li><?= stars($review['stars']) ?><p><?= h($review['text']) ?></p>
        <small><?= h($review['by']) ?></small></li>
<?php endforeach ?>
    </ul>
<?php endif ?>
  </section>

  <section class="short">
    <h2>In short
      <span><button id="ask" type="button">Sum it up</button>
        <button id="stop" type="button" disabled>Stop</button></span></h2>
    <p id="words" class="muted" aria-live="polite" data-state="new">A service reads all of it and
      says what it comes to, word by word.</p>
  </section>

  <section class="made">
    <h2>How this page was made</h2>
    <table>
      <?= timing('Product', $product['served'] ?? null, $longest), "\n" ?>
      <?= timing('Reviews', $reviews['served'] ?? null, $longest), "\n" ?>
      <?= timing('Both at once', $whole, $longest), "\n" ?>
    </table>
    <p class="muted">
<?php if ($wait > 0): ?>
      One after the other they would have taken <?= number_format($sum, 0) ?> ms.
      <a href="/?id=<?= $id ?>">As quick as they are</a>
<?php else: ?>
      <a href="/?id=<?= $id ?>&amp;wait=200">Let each take 200 ms longer</a>
<?php endif ?>
      &middot; <a href="/health">Health</a>
    </p>
  </section>
</main>
<script><?php readfile(__DIR__ . '/page.js') ?></script>
</body>
</html>
