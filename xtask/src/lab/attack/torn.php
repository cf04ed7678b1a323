<?php
// A page as nobody should write it: what comes goes into a statement and back onto the page.
require __DIR__ . '/wp-config.php';
header('Content-Type: text/html; charset=UTF-8');
$given = wp_unslash($_GET['id'] ?? '1');
$answer = mysqli_query($GLOBALS['wpdb']->dbh, "SELECT post_title FROM wp_posts WHERE ID = $given");
echo '<!DOCTYPE html><html lang="ja"><title>記事</title><h1>記事 ' . $given . '</h1>';
echo '<a href="?id=1">1</a> <a href="?id=2">2</a>';
if ($answer === false) {
    echo '<p>' . mysqli_error($GLOBALS['wpdb']->dbh) . '</p>';
} else {
    while ($row = mysqli_fetch_row($answer)) {
        echo "<p>$row[0]</p>";
    }
}
