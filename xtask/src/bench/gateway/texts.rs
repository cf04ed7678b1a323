//! Texts as people in Japanese cities write them into forms and editors, drawn anew from a seed.
//!
//! A fixed list of texts would say only that the rules know that list. Here names, places, numbers,
//! punctuation and markup are put together by chance, so that every seed gives texts that nobody has
//! tried before, and the same seed gives the same ones again.

use std::fmt::Write as _;

use crate::bench::chance::Chance;

/// Writes texts.
#[derive(Debug)]
pub struct Writer(Chance);

const FAMILIES: &[&str] = &[
    "佐藤", "鈴木", "髙橋", "田中", "渡邊", "齋藤", "𠮷田", "大谷", "薄井", "君島", "相馬", "人見",
];
const GIVEN: &[&str] = &[
    "太郎",
    "花子",
    "蓮",
    "陽葵",
    "一",
    "美咲",
    "健",
    "さくら",
    "ケビン",
    "翔太",
    "光",
    "Maria",
];
const KANA: &[&str] = &[
    "サトウ",
    "スズキ",
    "タカハシ",
    "ﾀﾅｶ",
    "ﾜﾀﾅﾍﾞ",
    "さいとう",
    "よしだ",
    "オオタニ",
];
const CITIES: &[&str] = &[
    "栃木県那須塩原市",
    "京都府京都市上京区",
    "東京都府中市",
    "北海道札幌市中央区",
    "沖縄県那覇市",
    "岩手県九戸郡軽米町",
    "奈良県高市郡明日香村",
    "新潟県新潟市秋葉区",
];
const TOWNS: &[&str] = &[
    "共墾社",
    "大字下永田",
    "東三島",
    "寺町通御池上る",
    "緑ケ丘",
    "あたご町",
    "ニセコひらふ一条",
    "字西原",
    "北10条西",
    "本町(旧:中町)",
];
const HOUSES: &[&str] = &[
    "コーポ青葉",
    "メゾン・ド・花",
    "ハイツ'88",
    "ライオンズマンション#",
    "市営住宅A棟-",
    "Lプラザ ",
    "グランド&パレス",
    "",
];
const PLACES: &[&str] = &[
    "市民会館",
    "子育て支援センター",
    "西那須野支所",
    "クリーンセンター",
    "図書館(黒磯)",
    "市民プール",
    "第2駐車場",
    "総合体育館「にしなすの」",
    "○○公民館",
    "道の駅",
];
const MATTERS: &[&str] = &[
    "住民票の写し",
    "粗大ごみの収集",
    "児童手当",
    "固定資産税",
    "保育園の入園申込み",
    "狂犬病予防注射",
    "マイナンバーカード",
    "空き家バンク",
    "国民健康保険税",
    "ふるさと納税",
    "水道の使用開始(開栓)",
    "市営住宅の募集",
    "期日前投票",
    "障害者手帳",
    "農地転用の届出",
    "電子申請",
];
const ENDS: &[&str] = &[
    "を教えてください。",
    "はいつまでですか?",
    "について確認させてください。",
    "は必要でしょうか。",
    "の件、よろしくお願いします!",
    "が見つかりません。",
    "でお間違いないですか??",
    "を希望します。",
    "とのことでした…。",
    "は可能ですか(代理でも)。",
];
const ASIDES: &[&str] = &[
    "※至急",
    "(再送)",
    "【重要】",
    "～お知らせ～",
    "→",
    "☆",
    "♪",
    "(^o^)/",
    "m(_ _)m",
    "😢",
    "🐕",
    "Q&A",
    "ⅰ)",
    "①",
    "・",
    "〆切",
    "㈱",
    "℡",
    "㎡",
    "½",
    "±0",
    "<重要>",
    "※1)",
    "―――",
    "----",
];
const LATIN: &[&str] = &[
    "PDF",
    "Excel",
    "Windows 11",
    "iPhone 15",
    "LINE",
    "QRコード",
    "Wi-Fi",
    "e-Tax",
    "URL",
    "OK",
    "No.",
    "vol.",
    "and",
    "or",
    "select",
    "update",
    "Chrome 141",
    "JPKI",
    "ID/PW",
    "A4",
    "CSV",
];
const COLOURS: &[&str] = &["#ff0000", "#c00", "rgb(0, 102, 204)", "red", "inherit"];

impl Writer {
    /// Texts of this seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Small seeds differ in few bits; some steps spread them.
        for _ in 0..16 {
            chance.below(2);
        }
        Self(chance)
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.0.below(10) as u8))
            .collect()
    }

    pub fn name(&mut self) -> String {
        let between = self.0.of(&[" ", "　", "・", ""]);
        format!("{}{between}{}", self.0.of(FAMILIES), self.0.of(GIVEN))
    }

    pub fn kana(&mut self) -> String {
        format!(
            "{} {}",
            self.0.of(KANA),
            self.0.of(&["タロウ", "ﾊﾅｺ", "れん"])
        )
    }

    pub fn address(&mut self) -> String {
        let post = format!("{}-{}", self.digits(3), self.digits(4));
        let (city, town) = (self.0.of(CITIES), self.0.of(TOWNS));
        let number = match self.0.below(4) {
            0 => format!("{}番地{}", self.0.between(1, 999), self.0.between(1, 9)),
            1 => format!(
                "{}-{}-{}",
                self.0.between(1, 9),
                self.0.between(1, 30),
                self.0.between(1, 20)
            ),
            2 => format!(
                "{}丁目{}番{}号",
                self.0.between(1, 9),
                self.0.between(1, 30),
                self.0.between(1, 20)
            ),
            _ => format!("{}−{}", self.0.between(1, 2999), self.0.between(1, 99)),
        };
        let house = match self.0.of(HOUSES) {
            "" => String::new(),
            house => format!(" {house}{}号室", self.0.between(101, 1205)),
        };
        match self.0.below(3) {
            0 => format!("〒{post} {city}{town}{number}{house}"),
            1 => format!("{city}{town}{number}{house}"),
            _ => format!(
                "{post}　{city} {town}　{number}{house}({}様方)",
                self.0.of(FAMILIES)
            ),
        }
    }

    pub fn phone(&mut self) -> String {
        let (a, b) = (self.digits(2), self.digits(4));
        match self.0.below(5) {
            0 => format!("0287-{a}-{b}"),
            1 => format!("(0287){a}-{b} 内線{}", self.0.between(10, 999)),
            2 => format!("090-{}-{b}", self.digits(4)),
            3 => format!("+81 90 {} {b}", self.digits(4)),
            _ => format!("TEL:0287{a}{b}/FAX:同上"),
        }
    }

    pub fn mail(&mut self) -> String {
        let who = self.0.of(&[
            "taro.yamada",
            "info+city",
            "h_suzuki",
            "k-sato.88",
            "o'brien",
        ]);
        format!(
            "{who}{}@{}",
            self.digits(2),
            self.0
                .of(&["example.jp", "example.co.jp", "mail.example.ne.jp"])
        )
    }

    fn day(&mut self) -> String {
        let (month, day) = (self.0.between(1, 12), self.0.between(1, 28));
        let week = self.0.of(&["月", "火", "水", "木", "金", "土", "日・祝"]);
        match self.0.below(5) {
            0 => format!("令和{}年{month}月{day}日({week})", self.0.between(1, 9)),
            1 => format!("R{}.{month}.{day}", self.0.between(1, 9)),
            2 => format!("2026/{month:02}/{day:02}"),
            3 => format!("{month}月{day}日〜{}日", day + 1),
            _ => format!("昭和{}年{month}月{day}日生", self.0.between(3, 63)),
        }
    }

    fn hours(&mut self) -> String {
        let (from, to) = (self.0.between(7, 11), self.0.between(13, 21));
        match self.0.below(4) {
            0 => format!("{from}:30~{to}:00"),
            1 => format!("午前{from}時から午後{}時まで", to - 12),
            2 => format!("{from:02}:00-{to}:15(12:00~13:00を除く)"),
            _ => format!("{from}時半頃"),
        }
    }

    fn money(&mut self) -> String {
        let (thousands, rest) = (self.0.between(1, 998), self.digits(3));
        match self.0.below(5) {
            0 => format!("¥{thousands},{rest}-"),
            1 => format!("{thousands},{rest}円"),
            2 => format!("{thousands},{rest}円 × {} = 合計", self.0.between(2, 12)),
            3 => format!("{}%引き", self.0.between(5, 50)),
            _ => format!("{}万{rest}円(税込)", self.0.between(1, 99)),
        }
    }

    fn link(&mut self) -> String {
        let number = self.digits(4);
        match self.0.below(3) {
            0 => format!("https://www.city.example.jp/soshiki/kurashi/{number}.html"),
            1 => format!("http://www.city.example.jp/index.php?id={number}&lang=ja#top"),
            _ => format!(
                "https://www.city.example.jp/uploads/2026/{}/annai_{number}.pdf",
                self.0.between(1, 12)
            ),
        }
    }

    /// One sentence of an inquiry.
    fn sentence(&mut self) -> String {
        let (matter, end) = (self.0.of(MATTERS), self.0.of(ENDS));
        match self.0.below(12) {
            0 => format!(
                "{}に届いた「{matter}」の通知({}){end}",
                self.day(),
                self.money()
            ),
            1 => format!("{}({})の{}{end}", self.0.of(PLACES), self.hours(), matter),
            2 => format!("{}{matter}の手続き{end}", self.0.of(ASIDES)),
            3 => format!("ホームページ({})の{matter}{end}", self.link()),
            4 => format!(
                "電話({})では「{}」と言われましたが、{matter}{end}",
                self.phone(),
                self.0.of(MATTERS)
            ),
            5 => format!(
                "{}または{}で{matter}{end}",
                self.0.of(LATIN),
                self.0.of(LATIN)
            ),
            6 => format!(
                "受付番号は「{}-{}」、{matter}{end}",
                self.digits(3),
                self.digits(6)
            ),
            7 => format!("{}に住む{}です。{matter}{end}", self.address(), self.name()),
            8 => format!(
                "1){matter} 2){} 3){} の3点{end}",
                self.0.of(MATTERS),
                self.0.of(PLACES)
            ),
            9 => format!(
                "エラー(E-{}):「{}」と表示され、{matter}{end}",
                self.digits(4),
                self.0.of(&[
                    "不正な値です",
                    "Not Found",
                    "セッションが切れました",
                    "undefined"
                ])
            ),
            10 => format!("{} {} {}{end}", self.day(), self.0.of(ASIDES), matter),
            _ => format!(
                "{}、{}のとき{matter}{end}",
                self.money(),
                self.0.of(&["1人", "2世帯", "x=3", "70歳以上", "<未定>"])
            ),
        }
    }

    /// An inquiry of so many sentences.
    pub fn inquiry(&mut self, sentences: usize) -> String {
        let mut text = self
            .0
            .of(&[
                "お世話になっております。",
                "はじめまして。",
                "市役所御中\r\n",
                "Re: ",
                "",
            ])
            .to_owned();
        for _ in 0..sentences {
            text.push_str(&self.sentence());
            text.push_str(self.0.of(&["", "", "\r\n", "\r\n\r\n", " ", "\r\n・"]));
        }
        if self.0.below(2) == 0 {
            let _ = write!(text, "\r\n-- \r\n{}\r\n{}", self.name(), self.phone());
        }
        text
    }

    pub fn title(&mut self) -> String {
        format!(
            "{}{}({}){}",
            self.0.of(ASIDES),
            self.0.of(MATTERS),
            self.day(),
            self.0.of(&["", "のお知らせ", "【更新】", " - Q&A"])
        )
    }

    /// The body of a post in the classic editor.
    pub fn classic(&mut self, parts: usize) -> String {
        let mut html = String::new();
        for _ in 0..parts {
            let part = match self.0.below(8) {
                0 => format!("<h2>{}</h2>", self.title()),
                1 => format!(
                    "<p style=\"color: {};\">{}</p>",
                    self.0.of(COLOURS),
                    self.sentence()
                ),
                2 => format!(
                    "<p><a href=\"{}\" target=\"_blank\" rel=\"noopener\">{}(PDF:{}KB)</a></p>",
                    self.link(),
                    self.0.of(MATTERS),
                    self.digits(3)
                ),
                3 => format!(
                    "<ul>\r\n<li>{}</li>\r\n<li><strong>{}</strong></li>\r\n</ul>",
                    self.sentence(),
                    self.hours()
                ),
                4 => format!(
                    "<table border=\"1\" style=\"width: {}%;\"><tbody><tr><th scope=\"col\">{}</th><td>{}</td><td><a href=\"tel:{}\">{}</a></td></tr></tbody></table>",
                    self.0.between(50, 100),
                    self.0.of(PLACES),
                    self.money(),
                    self.phone(),
                    self.phone()
                ),
                5 => format!(
                    "<img class=\"alignnone size-medium wp-image-{0}\" src=\"https://www.city.example.jp/wp-content/uploads/2026/11/p{0}-300x200.jpg\" alt=\"{1}\" width=\"300\" height=\"200\" />",
                    self.digits(3),
                    self.0.of(PLACES)
                ),
                6 => format!(
                    "[contact-form-7 id=\"{}\" title=\"{}\"]",
                    self.digits(4),
                    self.0.of(MATTERS)
                ),
                _ => format!(
                    "<p>{}&nbsp;{}</p>\r\n&nbsp;",
                    self.sentence(),
                    self.sentence()
                ),
            };
            html.push_str(&part);
            html.push_str("\r\n\r\n");
        }
        html
    }

    /// The body of a post in the block editor.
    pub fn blocks(&mut self, parts: usize) -> String {
        let mut html = String::new();
        for _ in 0..parts {
            let part = match self.0.below(6) {
                0 => format!(
                    "<!-- wp:heading -->\n<h2 class=\"wp-block-heading\">{}</h2>\n<!-- /wp:heading -->",
                    self.title()
                ),
                1 => format!(
                    "<!-- wp:paragraph {{\"textColor\":\"vivid-red\"}} -->\n<p class=\"has-vivid-red-color has-text-color\">{}</p>\n<!-- /wp:paragraph -->",
                    self.sentence()
                ),
                2 => format!(
                    "<!-- wp:list -->\n<ul class=\"wp-block-list\"><!-- wp:list-item -->\n<li>{}</li>\n<!-- /wp:list-item --></ul>\n<!-- /wp:list -->",
                    self.sentence()
                ),
                3 => format!(
                    "<!-- wp:table -->\n<figure class=\"wp-block-table\"><table><tbody><tr><td>{}</td><td>{}</td></tr></tbody></table></figure>\n<!-- /wp:table -->",
                    self.day(),
                    self.money()
                ),
                4 => format!(
                    "<!-- wp:file {{\"id\":{0},\"href\":\"{1}\"}} -->\n<div class=\"wp-block-file\"><a href=\"{1}\">{2}</a></div>\n<!-- /wp:file -->",
                    self.digits(3),
                    self.link(),
                    self.0.of(MATTERS)
                ),
                _ => format!(
                    "<!-- wp:paragraph -->\n<p>{}<br>{}</p>\n<!-- /wp:paragraph -->",
                    self.sentence(),
                    self.address()
                ),
            };
            html.push_str(&part);
            html.push_str("\n\n");
        }
        html
    }
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn a_seed_gives_its_own_texts_again() {
        let text = |seed| {
            let mut writer = Writer::new(seed);
            [
                writer.inquiry(5),
                writer.classic(5),
                writer.blocks(5),
                writer.address(),
            ]
            .concat()
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn texts_hardly_repeat() {
        let mut writer = Writer::new(3);
        let addresses: std::collections::BTreeSet<String> =
            (0..500).map(|_| writer.address()).collect();
        assert!(addresses.len() > 490, "{}", addresses.len());
        assert!(writer.inquiry(4).contains('。') || writer.inquiry(8).contains('?'));
    }
}
