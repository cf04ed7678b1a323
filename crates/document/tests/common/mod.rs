//! Sample papers shared by tests, examples and looks. All people and companies are invented.
#![allow(dead_code, reason = "each test and example uses its own part")]

use jiff::civil::{Date, date};
use mamori_document::{
    Align, ApprovalRequest, Block, Cell, ChangePlan, Chart, Column, ConformityItem,
    ConformityState, ConformityTable, ConsultationRecord, Contact, Counts, Document, Fact, Gap,
    Gauge, HoursMonth, IncidentReport, IncidentStep, LedgerHead, Letterhead, LineChart,
    ObligationGroup, ObligationLine, Report, Section, Sender, Series, Status, StatusReport,
    StatusRow, SubmissionLine, Table, Told, YearlyOverview,
};

/// Letter head of a sample contractor.
pub fn head(title: &str) -> Letterhead {
    Letterhead {
        title: title.into(),
        subject: "令和8年度ここシェルジュ運用システム等保守管理業務".into(),
        number: "見本保守第8-10号".into(),
        issued_on: Some(date(2026, 11, 10)),
        addressee: "札幌市長".into(),
        sender: Sender {
            address: "札幌市中央区見本1条1丁目1番1号".into(),
            name: "株式会社見本システム".into(),
            representative: "代表取締役　見本　太郎".into(),
        },
        responsible: Some(Contact {
            name: "運用部長　髙﨑　次郎".into(),
            phone: "011-000-0001".into(),
            mail: "responsible@example.jp".into(),
        }),
        contact: Some(Contact {
            name: "運用課　𠮷田　花子".into(),
            phone: "011-000-0002".into(),
            mail: "contact@example.jp".into(),
        }),
        version: 1,
        replaced_on: None,
        status: Status::Submitted,
        ledger_head: Some(LedgerHead {
            contract: "sample-r8".into(),
            seq: 1234,
            on: date(2026, 11, 9),
            hash: "3f5a9c0e7b1d4826a0c9e8f7d6b5a4938271605f4e3d2c1b0a99887766554433".into(),
        }),
        sample: true,
    }
}

/// 別紙3 with this many rows.
pub fn status_report(rows: usize) -> StatusReport {
    let first = date(2026, 10, 1);
    let samples = [
        (
            "WordPress本体の更新（6.8.3）",
            "検証環境で確認のうえ本番へ適用。主要10ページの表示を確認した。",
            60,
            Counts::No,
        ),
        (
            "市からの依頼：トップページの画像差替え",
            "画像3点を差し替え、代替テキストを付けた。",
            90,
            Counts::Yes,
        ),
        (
            "問合せフォームの文言修正の依頼",
            "確認画面の案内文を修正し、送信試験を行った。",
            30,
            Counts::Yes,
        ),
        (
            "チャットの設定文言についての相談",
            "選択肢の文言案を作成し、設定を変更した。",
            45,
            Counts::Undecided,
        ),
        (
            "職員からの質問（管理画面の操作）",
            "電話で手順を説明した。",
            15,
            Counts::No,
        ),
    ];
    StatusReport {
        head: head("ここシェルジュ運用システム等保守管理状況報告書（10月分）"),
        note: "※仕様書「7 運用システムの管理等について」の「(2)運用システム等の改修及びホームページの修正について」の対応時間：月7時間".into(),
        total_label: "・上記仕様該当合計時間：".into(),
        columns: StatusReport::standard_columns(),
        rows: (0..rows)
            .map(|i| {
                let (event, response, minutes, counts) = samples[i % samples.len()];
                StatusRow {
                    date: day(first, i * 31 / rows.max(1)),
                    event: event.into(),
                    response: response.into(),
                    minutes,
                    counts,
                    extra: std::collections::BTreeMap::default(),
                }
            })
            .collect(),
        sections: sections(),
    }
}

fn day(first: Date, offset: usize) -> Date {
    first
        .checked_add(jiff::Span::new().days(offset as i64))
        .expect("inside the calendar")
}

/// Sections as they come out of evidence.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new("1　月7時間の使用状況").chart(Chart::Gauge(Gauge {
            title: "改修・修正の対応時間".into(),
            unit: "時間".into(),
            value: 5.5,
            limit: 7.0,
            undecided: 0.75,
            decimals: 2,
        })),
        Section::new("2　稼働状況")
            .paragraph("公開面の監視を1分ごとに行った。")
            .chart(Chart::Line(LineChart {
                title: "日ごとの稼働率".into(),
                unit: "％".into(),
                labels: (1..=31).map(|d| format!("{d}日")).collect(),
                series: vec![
                    Series {
                        name: "ホームページ".into(),
                        values: (1..=31)
                            .map(|d| match d {
                                8 => Some(92.4),
                                20 => None,
                                _ => Some(100.0),
                            })
                            .collect(),
                    },
                    Series {
                        name: "予約システム".into(),
                        values: (1..=31)
                            .map(|d| Some(if d == 8 { 88.0 } else { 99.9 }))
                            .collect(),
                    },
                ],
                from: 80.0,
                limit: None,
                decimals: 1,
            })),
        Section::new("3　提出した書類").table(
            Table::new(
                "",
                vec![
                    Column::new("書類", 4.0, Align::Left),
                    Column::new("期限", 2.0, Align::Left),
                    Column::new("提出日", 2.0, Align::Left),
                ],
            )
            .row(vec![
                Cell::text("アクセス解析報告書（9月分）"),
                Cell::Date(date(2026, 10, 13)),
                Cell::Date(date(2026, 10, 9)),
            ]),
        ),
        Section::new("4　市の回答を待っている事項").block(Block::List(vec![
            "チャットの運用支援が月7時間に含まれるか（協議書 第3号）".into(),
        ])),
    ]
}

/// サーバー変更計画書.
pub fn change_plan() -> ChangePlan {
    ChangePlan {
        head: Letterhead {
            issued_on: Some(date(2026, 4, 8)),
            ..head("ここシェルジュSAPPOROホームページ等のサーバー変更計画書")
        },
        basis: "別紙2「インターネットデータセンター（iDC）に求める要件」を満たしていない箇所があるため、要件の不足箇所及び不足箇所を満たす改善手順を定めたので、提出します。".into(),
        contract_signed_on: Some(date(2026, 4, 1)),
        plan_due_on: Some(date(2026, 4, 8)),
        remedy_due_on: date(2026, 9, 30),
        gaps: vec![
            Gap {
                obligation: "O-122".into(),
                clause: "【電気設備】1".into(),
                requirement: "異なる変電所から2系統の受電ルートが確保されていること。".into(),
                shortfall: "受電が1系統の区画に収容されている。".into(),
                steps: vec![
                    "2系統受電の区画を選定し、証明書類を取り寄せる（5月末まで）。".into(),
                    "移設の手順と停止時間を札幌市と協議する（7月末まで）。".into(),
                    "移設し、動作を確認する（9月中旬）。".into(),
                ],
                due_on: date(2026, 9, 18),
                in_charge: "運用課".into(),
            },
            Gap {
                obligation: "O-127".into(),
                clause: "【サーバー室内管理】2".into(),
                requirement: "入退室記録は1年間保存し、管理を行うこと。".into(),
                shortfall: "保存期間が6か月である。".into(),
                steps: vec!["事業者に保存期間の延長を申し入れ、書面で確認する。".into()],
                due_on: date(2026, 10, 5),
                in_charge: "運用課".into(),
            },
        ],
        impact: "移設当日に最大2時間の停止を見込む。日時は札幌市の承認を得て定め、3開庁日前までにホームページで知らせる。".into(),
        sections: vec![],
    }
}

/// 変更承認願, not answered yet.
pub fn approval() -> ApprovalRequest {
    ApprovalRequest {
        head: head("変更承認願"),
        request:
            "仕様書「6 情報セキュリティ要件」に基づき、下記のとおり変更したいので、承認願います。"
                .into(),
        items: vec![
            Fact::new("変更するもの", "WAF（Webアプリケーションファイアウォール）"),
            Fact::new("変更前", "SiteGuard 400GBプラン"),
            Fact::new("変更後", "同等の機能を有する別のサービス"),
            Fact::new("変更の理由", "通信量が上限に近づいているため。"),
            Fact::new("費用負担", "初期設定費用等は受託者が負担する。"),
        ],
        wanted_from: Some(date(2026, 12, 1)),
        enclosures: vec!["機能比較表".into(), "切替手順書".into()],
        sections: vec![],
        decision: None,
    }
}

/// 協議書, agreed.
pub fn consultation() -> ConsultationRecord {
    ConsultationRecord {
        head: head("協議書"),
        topic: "チャット及びメール配信の運用支援に要する時間の扱い".into(),
        clause: "仕様書7(2)、7(3)、7(4)".into(),
        note: Some("A-07".into()),
        held_on: date(2026, 10, 6),
        method: "打合せ（Web会議）".into(),
        participants: vec![
            "札幌市 経営支援・雇用労働担当部　見本主任".into(),
            "受託者　運用課　𠮷田".into(),
        ],
        background:
            "運用支援に要する時間が月7時間に含まれるかどうかが、仕様書の文言からは決まらない。"
                .into(),
        proposal: "7(1)及び9と同様に、月7時間に含めないことを提案する。".into(),
        answer: "設定文言の変更は含め、機能の説明は含めない。".into(),
        outcome: Some("設定文言の変更は月7時間に含める。機能の説明は含めない。".into()),
        agreed_on: Some(date(2026, 10, 20)),
        valid_from: Some(date(2026, 10, 1)),
        sections: vec![],
    }
}

/// 障害報告書.
pub fn incident() -> IncidentReport {
    let at = |h, m| date(2026, 10, 8).at(h, m, 0, 0);
    let step = |h, m, what: &str, by: &str, mark: &str| IncidentStep {
        at: at(h, m),
        what: what.into(),
        by: by.into(),
        mark: mark.into(),
    };
    IncidentReport {
        head: head("障害報告書"),
        summary: "ホームページが表示できない状態になった。".into(),
        effect: "全ページ。予約システムも利用できなかった。".into(),
        began_at: at(14, 2),
        detected_at: at(14, 3),
        recovered_at: Some(at(15, 51)),
        steps: vec![
            step(14, 3, "監視が応答なし（HTTP 503）を検知した。", "監視", ""),
            step(14, 5, "当番が調査を始めた。", "𠮷田", "着手"),
            step(14, 12, "札幌市に電話で第一報を入れた。", "𠮷田", "第一報"),
            step(14, 30, "データベースの再起動を行った。", "𠮷田", "再起動"),
            step(
                15,
                51,
                "全ページの表示を確認し、復旧と判断した。",
                "髙﨑",
                "",
            ),
        ],
        told: vec![
            Told {
                at: at(14, 12),
                whom: "札幌市 経営支援係".into(),
                how: "電話".into(),
                what: "表示できない状態であること、調査中であること。".into(),
            },
            Told {
                at: at(14, 20),
                whom: "利用者".into(),
                how: "障害のお知らせ".into(),
                what: "閲覧できない状態であること。".into(),
            },
        ],
        cause: "データベースの接続数が上限に達し、新しい接続を受け付けなくなった。".into(),
        recovery: "データベースを再起動し、接続数の上限を見直した。".into(),
        prevention: vec![
            "接続数を監視項目に加え、上限の8割で知らせる。".into(),
            "上限の値を定期点検の項目に加える。".into(),
        ],
        personal_data: "漏えい・滅失・毀損はない（記録を確認済み）。".into(),
        sections: vec![],
    }
}

/// 別紙2 適合表.
pub fn conformity() -> ConformityTable {
    let item =
        |o: &str, group: &str, text: &str, state, evidence: &str, expires_on| ConformityItem {
            obligation: o.into(),
            group: group.into(),
            requirement: text.into(),
            not_applicable: (state == ConformityState::NotApplicable)
                .then(|| "執務室に機器を置かない構成のため".to_owned()),
            state,
            evidence: evidence.into(),
            expires_on,
        };
    ConformityTable {
        head: head("インターネットデータセンター（iDC）に求める要件 適合表"),
        opening:
            "別紙2の各要件について、証明書類及び収集した証跡に基づく状態を次のとおり報告します。"
                .into(),
        as_of: date(2026, 10, 31),
        items: vec![
            item(
                "O-118",
                "建物",
                "日本国内に設置された建物であること。",
                ConformityState::Met,
                "事業者証明書（株式会社見本データセンター、令和8年4月3日）",
                Some(date(2027, 3, 31)),
            ),
            item(
                "O-119",
                "建物",
                "1981年の新耐震設計基準に適合した建物であること。",
                ConformityState::Met,
                "事業者証明書（同上）",
                Some(date(2026, 9, 30)),
            ),
            item(
                "O-122",
                "電気設備",
                "異なる変電所から2系統の受電ルートが確保されていること。",
                ConformityState::NotMet,
                "",
                None,
            ),
            item(
                "O-129",
                "空調設備",
                "多重化された空調機器で温度・湿度の調整が可能であり、適切な設定で管理されていること（目安は温度20℃～25℃、湿度20%～60%）。",
                ConformityState::Undecided,
                "事業者回答待ち",
                None,
            ),
            item(
                "O-134",
                "通信ケーブル",
                "HUBは、サーバー室内ではラックに収納のうえ施錠すること。",
                ConformityState::NotApplicable,
                "",
                None,
            ),
            item(
                "O-148",
                "バックアップ",
                "システムファイル、プログラムファイルのバックアップ（2世代以上）を日次フルバックアップにて行うこと。",
                ConformityState::Unmeasured,
                "",
                None,
            ),
        ],
        sections: vec![],
    }
}

/// 年間総括.
pub fn yearly() -> YearlyOverview {
    let line = |o: &str, text: &str, state, remark: &str| ObligationLine {
        obligation: o.into(),
        text: text.into(),
        state,
        remark: remark.into(),
    };
    YearlyOverview {
        head: Letterhead {
            issued_on: Some(date(2027, 3, 31)),
            version: 2,
            replaced_on: Some(date(2027, 3, 31)),
            status: Status::Draft,
            ..head("令和8年度 年間総括")
        },
        opening: "令和8年度の業務の実施状況を次のとおり総括します。".into(),
        groups: vec![
            ObligationGroup {
                clause: "5(1) サーバ、ドメインの保守管理".into(),
                lines: vec![
                    line(
                        "O-008",
                        "メールサーバは30GB以上の容量を確保する",
                        ConformityState::Met,
                        "",
                    ),
                    line("O-012", "SSL証明書の運用管理", ConformityState::Met, ""),
                ],
            },
            ObligationGroup {
                clause: "7(2) 改修及び修正".into(),
                lines: vec![
                    line(
                        "O-040",
                        "依頼に月7時間分まで対応する",
                        ConformityState::Met,
                        "",
                    ),
                    line(
                        "O-041",
                        "未稼働分は翌月に持ち越さない",
                        ConformityState::Undecided,
                        "原則の例外について協議中",
                    ),
                ],
            },
        ],
        hours: [
            "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月", "1月", "2月", "3月",
        ]
        .iter()
        .enumerate()
        .map(|(i, month)| HoursMonth {
            month: (*month).into(),
            counted: 240 + (i as u32 * 37) % 240,
            other: 60 + (i as u32 * 53) % 180,
        })
        .collect(),
        limit_minutes: Some(420),
        submissions: vec![
            SubmissionLine {
                title: "保守管理状況報告書（4月分）".into(),
                due_on: Some(date(2026, 5, 11)),
                submitted_on: Some(date(2026, 5, 8)),
                accepted_on: Some(date(2026, 5, 15)),
            },
            SubmissionLine {
                title: "保守管理状況報告書（5月分）".into(),
                due_on: Some(date(2026, 6, 10)),
                submitted_on: Some(date(2026, 6, 11)),
                accepted_on: Some(date(2026, 6, 18)),
            },
            SubmissionLine {
                title: "保守管理状況報告書（3月分）".into(),
                due_on: Some(date(2027, 3, 31)),
                submitted_on: None,
                accepted_on: None,
            },
        ],
        sections: vec![],
    }
}

/// Every kind once.
pub fn all() -> Vec<Document> {
    vec![
        Document::StatusReport(status_report(12)),
        Document::ChangePlan(change_plan()),
        Document::ApprovalRequest(approval()),
        Document::ConsultationRecord(consultation()),
        Document::IncidentReport(incident()),
        Document::ConformityTable(conformity()),
        Document::YearlyOverview(yearly()),
        Document::Report(Report {
            head: head("アクセス解析報告書（10月分）"),
            opening: vec![],
            sections: sections(),
            landscape: false,
        }),
    ]
}
