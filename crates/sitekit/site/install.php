<?php
// Makes the tables, the people and some pages of a sample site.
// Standard input: {"site", "host", "title", "people": [{"name", "password", "role", "mail"}]}.

$wanted = json_decode(stream_get_contents(STDIN), true, 8, JSON_THROW_ON_ERROR);
$_SERVER += [
    'HTTP_HOST' => $wanted['host'],
    'REQUEST_URI' => '/',
    'SERVER_PROTOCOL' => 'HTTP/1.1',
    'REQUEST_METHOD' => 'GET',
    'REMOTE_ADDR' => '127.0.0.1',
];
define('WP_INSTALLING', true);
require $wanted['site'] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

[$administrator, $editor] = $wanted['people'];
wp_install($wanted['title'], $administrator['name'], $administrator['mail'], true, '', $administrator['password'], 'ja');
$made = wp_insert_user([
    'user_login' => $editor['name'],
    'user_pass' => $editor['password'],
    'user_email' => $editor['mail'],
    'role' => $editor['role'],
    'display_name' => '編集　花子',
]);
if (is_wp_error($made)) {
    throw new RuntimeException($made->get_error_message());
}

switch_theme('twentytwentythree');
update_option('timezone_string', 'Asia/Tokyo');
update_option('date_format', 'Y年n月j日');
update_option('comment_previously_approved', '0');
update_option('comment_moderation', '0');

foreach (
    [
        ['contact', 'お問い合わせ', '[contact_form]'],
        ['about', '市の紹介', '<p>見本市は、山と川に恵まれた人口 3 万人のまちです。</p>'],
    ] as [$name, $title, $content]
) {
    wp_insert_post([
        'post_type' => 'page',
        'post_name' => $name,
        'post_title' => $title,
        'post_content' => $content,
        'post_status' => 'publish',
        'post_author' => 1,
    ], true);
}
foreach (['子育て支援の申請', 'ごみの収集日の変更', '市民税・県民税の納期限', '図書館の休館日'] as $title) {
    wp_insert_post([
        'post_title' => $title,
        'post_content' => '<p>' . str_repeat("{$title}についてお知らせします。くわしくは担当課にお問い合わせください。", 20) . '</p>',
        'post_status' => 'publish',
        'post_author' => 1,
        'comment_status' => 'open',
    ], true);
}
// The rules for addresses are made from what was set above.
global $wp_rewrite;
$wp_rewrite->set_permalink_structure('/%postname%/');
flush_rewrite_rules(false);
echo "installed\n";
