//! What the gateway leaves in the ledger. Addresses of visitors and values never go there.

use mamori_kernel::evidence::EvidenceKind;

/// The firewall was tried.
pub const CHECKED: &str = "waf.checked";
/// Transfer of a day.
pub const TRANSFER: &str = "capacity.transfer";
/// Somebody changed what the firewall does, or closed or opened a site.
pub const CHANGED: &str = "gateway.changed";
/// Somebody took a parameter away from a rule.
pub const EXCLUDED: &str = "gateway.excluded";
/// Somebody ended that.
pub const EXCLUSION_ENDED: &str = "gateway.exclusion-ended";

/// Somebody kept a network out.
pub const BANNED: &str = "gateway.banned";
/// Somebody let a network in again.
pub const BAN_LIFTED: &str = "gateway.ban-lifted";
/// Which access records are kept.
pub const LOG_KEPT: &str = "log.kept";
/// Somebody decided what the firewall does on a path or with rules.
pub const MODE_SET: &str = "gateway.mode-set";
/// Somebody ended that.
pub const MODE_ENDED: &str = "gateway.mode-ended";
/// A certificate was looked at as visitors get it.
pub const TLS_CHECKED: &str = "tls.checked";
/// Whether all communication is encrypted was looked at.
pub const ENCRYPTION_CHECKED: &str = "encryption.checked";
/// An authority issued a certificate.
pub const CERTIFICATE_ISSUED: &str = "gateway.certificate-issued";
/// Somebody asked for a new certificate.
pub const CERTIFICATE_WANTED: &str = "gateway.certificate-wanted";

/// All of them.
pub fn kinds() -> Vec<EvidenceKind> {
    vec![
        EvidenceKind {
            kind: CHECKED,
            version: 1,
            title_ja: "WAF の点検",
            fields: &[
                ("host", "サイト"),
                ("date", "日"),
                ("ok", "攻撃の見本を止め、ふつうの文章を通したか"),
                ("serving", "ゲートウェイが動いているか"),
                ("mode", "動作（block, detect, off）"),
                ("rules", "規則の数"),
                ("missed", "止められなかった攻撃の見本の数"),
                ("wronged", "誤って止めたふつうの文章の数"),
                ("requests", "前の日のリクエスト数"),
                ("refused", "前の日に止めた数"),
                ("eased?", "止めない動作にした場所・規則の数"),
                ("trouble?", "うまくいかなかった理由"),
            ],
        },
        EvidenceKind {
            kind: TRANSFER,
            version: 1,
            title_ja: "転送量",
            fields: &[
                ("date", "日"),
                ("host", "サイト"),
                ("gigabytes", "転送量（10 億バイト）"),
                ("requests", "リクエスト数"),
            ],
        },
        EvidenceKind {
            kind: CHANGED,
            version: 1,
            title_ja: "ゲートウェイの設定の変更",
            fields: &[
                ("site", "サイト"),
                ("mode", "動作"),
                ("paranoia", "規則の厳しさ"),
                ("closed", "サイトを閉じているか"),
                ("before", "前の設定"),
            ],
        },
        EvidenceKind {
            kind: EXCLUDED,
            version: 1,
            title_ja: "WAF の除外設定",
            fields: &[
                ("exclusion_id", "除外設定"),
                ("site", "サイト"),
                ("rule", "規則の番号"),
                ("target", "項目。空はすべて"),
                ("path", "場所。空はどこでも"),
                ("below", "その下も含むか"),
                ("reason", "理由"),
                ("expires_on", "最後の日"),
                ("request?", "きっかけのリクエスト"),
            ],
        },
        EvidenceKind {
            kind: EXCLUSION_ENDED,
            version: 1,
            title_ja: "WAF の除外設定の終了",
            fields: &[("exclusion_id", "除外設定"), ("site", "サイト")],
        },
        EvidenceKind {
            kind: BANNED,
            version: 1,
            title_ja: "アクセスの遮断",
            fields: &[
                ("prefix", "広さ（アドレスそのものは残さない）"),
                ("reason", "理由"),
                ("until?", "いつまで"),
            ],
        },
        EvidenceKind {
            kind: BAN_LIFTED,
            version: 1,
            title_ja: "アクセスの遮断の解除",
            fields: &[
                ("by", "遮断したもの（見張りの名前か person）"),
                ("since", "いつから"),
            ],
        },
        EvidenceKind {
            kind: LOG_KEPT,
            version: 1,
            title_ja: "記録の保管",
            fields: &[
                ("log", "記録の種類"),
                ("date", "日"),
                ("ok", "書き込みと整理ができているか"),
                ("oldest_on?", "もっとも古い日"),
                ("newest_on?", "もっとも新しい日"),
                ("files", "ファイルの数"),
                ("bytes", "大きさ（バイト）"),
                ("keep_days", "保管する日数"),
                ("trouble?", "うまくいかなかった理由"),
            ],
        },
        EvidenceKind {
            kind: MODE_SET,
            version: 1,
            title_ja: "場所・規則ごとの動作",
            fields: &[
                ("mode_id", "決めたこと"),
                ("site", "サイト"),
                ("about", "何について（path, rule, tag）"),
                ("name", "場所、規則の番号、規則のタグ"),
                ("mode", "動作（block, detect, off）"),
                ("reason", "理由"),
                ("expires_on?", "最後の日"),
            ],
        },
        EvidenceKind {
            kind: MODE_ENDED,
            version: 1,
            title_ja: "場所・規則ごとの動作の終了",
            fields: &[("mode_id", "決めたこと"), ("site", "サイト")],
        },
        EvidenceKind {
            kind: TLS_CHECKED,
            version: 1,
            title_ja: "証明書（TLS）の点検",
            fields: &[
                ("host", "ホスト名"),
                ("date", "日"),
                ("ok", "ブラウザーが信頼し、古い TLS を断るか"),
                ("findings", "見つかった問題の数"),
                ("source", "証明書の出どころ（files, acme, self-made）"),
                ("not_after?", "証明書の最後の日"),
                ("days_left?", "残りの日数"),
                ("issuer?", "発行者"),
                ("version?", "つながった TLS の版"),
                ("trouble?", "見つかった問題"),
            ],
        },
        EvidenceKind {
            kind: ENCRYPTION_CHECKED,
            version: 1,
            title_ja: "通信の暗号化の点検",
            fields: &[
                ("host", "ホスト名"),
                ("date", "日"),
                (
                    "ok",
                    "TLS 1.2 以上だけで、HTTP を HTTPS に送り、HSTS を付けるか",
                ),
                ("findings", "見つかった問題の数"),
                ("trouble?", "見つかった問題"),
            ],
        },
        EvidenceKind {
            kind: CERTIFICATE_ISSUED,
            version: 1,
            title_ja: "証明書の発行",
            fields: &[
                ("site", "サイト"),
                ("hosts", "ホスト名"),
                ("issuer", "発行者"),
                ("not_before", "始まりの日"),
                ("not_after", "最後の日"),
            ],
        },
        EvidenceKind {
            kind: CERTIFICATE_WANTED,
            version: 1,
            title_ja: "証明書の更新の指示",
            fields: &[("site", "サイト")],
        },
    ]
}
