//! The registers' pages as people of each side use them, without a script.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, Client};

use crate::open;

pub const BASE: &str = "/c/example-r8";

/// The value of a hidden field of a page.
pub fn hidden(page: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&marker)
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split_once('"').expect("a quote").0.to_owned()
}

/// Opens a form, fills it and sends it as a browser would.
pub async fn fill(client: &mut Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let form = client.get(path).await;
    assert_eq!(form.status, StatusCode::OK, "{path}: {}", form.text());
    send(client, path, &form.text(), fields).await
}

pub async fn send(client: &mut Client, path: &str, form: &str, fields: &[(&str, &str)]) -> Answer {
    let (once, act) = (hidden(form, "once"), hidden(form, "act"));
    let mut all = vec![("once", once.as_str()), ("act", act.as_str())];
    let revision;
    if form.contains("name=\"revision\"") {
        revision = hidden(form, "revision");
        all.push(("revision", revision.as_str()));
    }
    all.extend_from_slice(fields);
    if form.contains("multipart/form-data") {
        client.post_files(path, &all, &[]).await
    } else {
        client.post_form(path, &all).await
    }
}

/// Where a successful act led; what the page there says.
pub async fn done(client: &mut Client, answer: Answer) -> (String, String) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let place = answer.location().to_owned();
    let path = place.split('#').next().unwrap_or_default().to_owned();
    let page = client.get(&path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text());
    (path, page.text())
}

const WORK: [(&str, &str); 4] = [
    ("date", "2026-10-29"),
    ("hours", "1.5"),
    ("category", "site-correction"),
    ("event", "画像の差替え"),
];

#[tokio::test]
async fn work_is_entered_quickly_corrected_and_withdrawn() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let list = staff.get(&format!("{BASE}/work")).await.text();
    for part in [
        "data-timer=\"work\"",
        "data-new",
        "id=\"f-date\" name=\"date\" type=\"text\" value=\"2026-10-30\"",
        "この月の記録はまだありません",
        "role=\"region\"",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let once = hidden(&list, "once");
    let mut fields = vec![("once", once.as_str()), ("back", "list")];
    fields.extend(WORK);
    let path = format!("{BASE}/work/new");
    let first = staff.post_form(&path, &fields).await;
    assert!(first.location().ends_with("/work?month=2026-10#f-date"));
    // A second click does nothing and says so.
    let second = staff.post_form(&path, &fields).await;
    let (_, page) = done(&mut staff, second).await;
    assert!(page.contains("二重には記録していません"), "{page}");
    assert!(page.contains("1時間30分"), "{page}");
    assert_eq!(page.matches("%E4%BD%9C%E6%A5%AD-R8-").count(), 1, "{page}");
    // The same form with other words is another entry, and is asked for.
    fields.retain(|(name, _)| *name != "event");
    fields.push(("event", "別の作業"));
    let other = staff.post_form(&path, &fields).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert!(other.text().contains("別の作業") && other.text().contains("もう一件"));
    assert_ne!(hidden(&other.text(), "once"), once);
    let again = send(&mut staff, &path, &other.text(), &fields[2..]).await;
    let (item, page) = done(&mut staff, again).await;
    assert!(
        page.contains("作業-R8-002") && page.contains("別の作業"),
        "{page}"
    );
    // Its story names who did it; ids of accounts are for the ledger.
    let story = staff.get(&item).await.text();
    assert!(
        story.contains("<ol class=\"timeline\">") && !story.contains("person:"),
        "{story}"
    );
    // Correction: what stands is in the fields, what is wrong beside them.
    let correct = format!("{item}/correct");
    let form = staff.get(&correct).await.text();
    assert!(
        form.contains("value=\"site-correction\" selected"),
        "{form}"
    );
    let wrong = [
        ("date", "来週"),
        ("event", "直した"),
        ("correction_reason", ""),
    ];
    let refused = send(&mut staff, &correct, &form, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    for part in [
        "直した",
        "value=\"来週\"",
        "data-error-summary",
        "id=\"e-correction_reason\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let right = [
        ("date", "2026-10-28"),
        ("event", "直した"),
        ("category", "site-correction"),
        ("correction_reason", "日の誤り"),
    ];
    let answer = send(&mut staff, &correct, &page, &right).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("日の誤り") && page.contains("ledger?seq="),
        "{page}"
    );
    let answer = fill(
        &mut staff,
        &format!("{item}/withdraw"),
        &[("withdrawn_reason", "二重の記録")],
    )
    .await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("取消し") && !page.contains("/correct\""),
        "{page}"
    );
    // The month as CSV, days in ISO.
    let csv = staff
        .get(&format!("{BASE}/work?month=2026-10&format=csv"))
        .await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let rows = csv.text();
    assert_eq!(rows.lines().count(), 3, "{rows}");
    assert!(
        rows.contains("作業-R8-001,2026-10-29,画像の差替え"),
        "{rows}"
    );
}

#[tokio::test]
async fn a_choice_that_was_not_made_asks_to_choose_and_one_that_may_be_left_says_so() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let path = format!("{BASE}/work/new");
    let empty = [
        ("date", "2026-10-29"),
        ("category", ""),
        ("event", "\u{200b}"),
    ];
    let answer = fill(&mut staff, &path, &empty).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text();
    for part in [
        "<a href=\"#f-category\">区分</a>　選んでください",
        "<a href=\"#f-event\">事象</a>　入力してください",
        "<option value=\"\" selected>（選ばない）</option>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn warnings_are_shown_after_the_act() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let path = format!("{BASE}/work/new");
    let long = [
        ("date", "2026-10-29"),
        ("hours", "8"),
        ("category", "site-correction"),
        ("event", "大きな改修"),
    ];
    let answer = fill(&mut staff, &path, &long).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("注意：") && page.contains("超えます"),
        "{page}"
    );
    let sunday = [
        ("date", "2026-10-25"),
        ("start", "9:00"),
        ("end", "10:00"),
        ("category", "site-correction"),
        ("event", "日曜の作業"),
    ];
    let answer = fill(&mut staff, &path, &sunday).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text();
    assert!(page.contains("id=\"e-outside_hours_reason\"") && page.contains("日曜の作業"));
}

#[tokio::test]
async fn a_request_walks_from_the_city_to_its_acceptance() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let mut city = test.sign_in(Role::City).await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    let list = city.get(&format!("{BASE}/request")).await.text();
    assert!(list.contains("/request/new/as-city\" data-new"), "{list}");
    let new = format!("{BASE}/request/new/as-city");
    let form = city.get(&new).await.text();
    assert!(form.contains("value=\"portal\" selected"), "{form}");
    let fields = [
        ("title", "バナーの追加"),
        ("received_on", "2026-10-29"),
        ("channel", "portal"),
        ("requester", "札幌 太郎"),
    ];
    let answer = send(&mut city, &new, &form, &fields).await;
    let (item, page) = done(&mut city, answer).await;
    assert!(
        page.contains("札幌 太郎") && page.contains("市が登録"),
        "{page}"
    );
    // Who only looks sees no names and no acts.
    let seen = viewer.get(&item).await.text();
    assert!(
        !seen.contains("札幌 太郎") && seen.contains("この記録簿を扱う人だけ"),
        "{seen}"
    );
    assert!(!seen.contains("/estimate"), "{seen}");
    let estimate = [("estimate_minutes", "2"), ("estimated_on", "2026-10-29")];
    let answer = fill(&mut staff, &format!("{item}/estimate"), &estimate).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("2時間") && page.contains("市の回答を待って"),
        "{page}"
    );
    // The contractor's form does not offer the portal, the city's page offers the city's ways.
    let page = city.get(&item).await.text();
    assert!(
        page.contains("/approve/as-city") && !page.contains("/finish"),
        "{page}"
    );
    let answer = fill(
        &mut city,
        &format!("{item}/approve/as-city"),
        &[("approved_on", "2026-10-30"), ("approved_how", "portal")],
    )
    .await;
    done(&mut city, answer).await;
    let finish = [("done_on", "2026-10-30"), ("result", "追加した")];
    let answer = fill(&mut staff, &format!("{item}/finish"), &finish).await;
    done(&mut staff, answer).await;
    let answer = fill(
        &mut city,
        &format!("{item}/accept/as-city"),
        &[("accepted_on", "2026-10-30")],
    )
    .await;
    let (_, page) = done(&mut city, answer).await;
    assert!(page.contains("検収済"), "{page}");
    // The same act a second time: the page says why not.
    let late = city.get(&format!("{item}/accept/as-city")).await.text();
    assert!(late.contains("いまできません"), "{late}");
}

#[tokio::test]
async fn a_stale_form_shows_both_versions_and_loses_nothing() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let mut other = test.sign_in(Role::Manager).await;
    let answer = fill(&mut staff, &format!("{BASE}/work/new"), &WORK).await;
    let (item, _) = done(&mut staff, answer).await;
    let correct = format!("{item}/correct");
    let opened = staff.get(&correct).await.text();
    let faster = [("event", "先に直した"), ("correction_reason", "速い")];
    let answer = fill(&mut other, &correct, &faster).await;
    done(&mut other, answer).await;
    let mine = [("event", "わたしの直し"), ("correction_reason", "遅い")];
    let stale = send(&mut staff, &correct, &opened, &mine).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let page = stale.text();
    for part in [
        "<table class=\"compare\"",
        "開いたとき（版 1）",
        "いま（版 2）",
        "わたしの直し",
        "遅い",
        "name=\"revision\" value=\"2\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let again = send(&mut staff, &correct, &page, &mine).await;
    let (_, page) = done(&mut staff, again).await;
    assert!(
        page.contains("わたしの直し") && page.contains("先に直した"),
        "{page}"
    );
}

#[tokio::test]
async fn a_question_is_asked_by_a_counsellor_and_answered() {
    let test = open(|_| {}).await;
    let mut counsellor = test.sign_in(Role::Counsellor).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let new = format!("{BASE}/question/new");
    let fields = [
        ("topic", "予約の画面が開かない"),
        ("channel", "portal"),
        ("received_on", "2026-10-30"),
        ("detail", "相談者の端末で"),
    ];
    let answer = fill(&mut counsellor, &new, &fields).await;
    let (item, page) = done(&mut counsellor, answer).await;
    assert!(
        page.contains("相談者の端末で") && !page.contains("/answer\""),
        "{page}"
    );
    let refused = counsellor.get(&format!("{item}/answer")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(
        counsellor.get(&format!("{BASE}/work")).await.status,
        StatusCode::FORBIDDEN
    );
    // What was rung in is no portal.
    let answer = fill(&mut staff, &new, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let reply = [
        ("answered_on", "2026-10-30"),
        ("answer", "直しました"),
        ("minutes", "15m"),
    ];
    let answer = fill(&mut staff, &format!("{item}/answer"), &reply).await;
    done(&mut staff, answer).await;
    let page = counsellor.get(&item).await.text();
    assert!(
        page.contains("直しました") && page.contains("回答済"),
        "{page}"
    );
    // The API and the page are one.
    let mut program = test.token(Role::Counsellor).await;
    let asked = serde_json::json!({"topic": "x", "channel": "portal", "received_on": "2026-10-30"});
    let made = program
        .post_json("/api/v1/contracts/example-r8/question", &asked)
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.json()["data"]["entered_by"], "city");
    let mut viewer = test.token(Role::Viewer).await;
    let refused = viewer
        .post_json("/api/v1/contracts/example-r8/question", &asked)
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_closed_gate_leads_to_the_approval_and_a_granted_one_opens_it() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let mut city = test.sign_in(Role::City).await;
    let new = format!("{BASE}/subcontract/new");
    let fields = [
        ("party", "A社"),
        ("scope", "デザイン"),
        ("core", "no"),
        ("starts_on", "2026-10-30"),
    ];
    let closed = fill(&mut staff, &new, &fields).await;
    assert_eq!(closed.status, StatusCode::CONFLICT);
    let page = closed.text();
    let remedy = "/approval/new?gate=subcontract&#38;about=A%E7%A4%BE";
    assert!(page.contains(remedy) && page.contains("デザイン"), "{page}");
    let ask = format!("{BASE}/approval/new?gate=subcontract&about=A%E7%A4%BE");
    let form = staff.get(&ask).await.text();
    assert!(form.contains("value=\"subcontract\" selected") && form.contains("value=\"A社\""));
    let fields_of_approval = [
        ("gate", "subcontract"),
        ("about", "A社"),
        ("requested_on", "2026-10-29"),
    ];
    let path = format!("{BASE}/approval/new");
    let answer = send(&mut staff, &path, &form, &fields_of_approval).await;
    let (approval, page) = done(&mut staff, answer).await;
    assert!(page.contains("市の回答を待って 1 日"), "{page}");
    let grant = [
        ("decided_on", "2026-10-30"),
        ("how", "portal"),
        ("by", "広報課"),
    ];
    let answer = fill(&mut city, &format!("{approval}/grant/as-city"), &grant).await;
    let (_, page) = done(&mut city, answer).await;
    assert!(
        page.contains("広報課") && page.contains("市の回答を待った日数は 1 日"),
        "{page}"
    );
    let answer = fill(&mut staff, &new, &fields).await;
    done(&mut staff, answer).await;
}

const PDF: &[u8] = b"%PDF-1.7 certificate";
const ZIPPED: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt";

#[tokio::test]
async fn files_are_taken_by_content_kept_between_tries_and_given_back_as_attachments() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let new = format!("{BASE}/attestation/new?obligation=O-118");
    let form = staff.get(&new).await.text();
    assert!(form.contains("value=\"O-118\" selected"), "{form}");
    let path = format!("{BASE}/attestation/new");
    let fields = [
        ("act", "file"),
        ("obligation", "O-118"),
        ("issuer", ""),
        ("issued_on", "2026-04-01"),
    ];
    let file = |name, bytes| [("file", name, "application/pdf", bytes)];
    let zip = staff
        .post_files(&path, &fields, &file("証明書.pdf", ZIPPED))
        .await;
    assert_eq!(zip.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        zip.text()
            .contains("名前の示す種類のファイルではありません"),
        "{}",
        zip.text()
    );
    let kept = staff
        .post_files(&path, &fields, &file("証明書.pdf", PDF))
        .await;
    assert_eq!(kept.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = kept.text();
    assert!(page.contains("付いているファイル：証明書.pdf"), "{page}");
    let reference = hidden(&page, "file.kept").replace("&#34;", "\"");
    let fields = [
        ("act", "file"),
        ("obligation", "O-118"),
        ("issuer", "事業者"),
        ("issued_on", "2026-04-01"),
        ("expires_on", "2026-12-01"),
        ("file.kept", reference.as_str()),
    ];
    let answer = staff.post_files(&path, &fields, &[]).await;
    let (_, page) = done(&mut staff, answer).await;
    let (_, rest) = page
        .split_once("href=\"/c/example-r8/files/")
        .expect("a file");
    let href = format!("{BASE}/files/{}", rest.split_once('"').expect("a quote").0);
    let given = staff.get(&href).await;
    assert_eq!(
        (given.status, given.bytes.as_slice()),
        (StatusCode::OK, PDF)
    );
    assert!(
        given
            .header("content-disposition")
            .starts_with("attachment;")
    );
    assert_eq!(
        given.header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    // Only where a record of the contract names it, and only to those who may look.
    let other = href.replace("example-r8", "another");
    assert_eq!(staff.get(&other).await.status, StatusCode::NOT_FOUND);
    let mut counsellor = test.sign_in(Role::Counsellor).await;
    assert_eq!(counsellor.get(&href).await.status, StatusCode::FORBIDDEN);
    let unnamed = format!("{BASE}/files/{}/x.pdf", "0".repeat(64));
    assert_eq!(staff.get(&unnamed).await.status, StatusCode::NOT_FOUND);
    // The standings above the list.
    let list = staff.get(&format!("{BASE}/attestation")).await.text();
    assert!(
        list.contains("あと 32 日で期限か見直し日です") && list.contains("不足 2 件"),
        "{list}"
    );
}

#[tokio::test]
async fn the_same_from_another_showing_of_the_form_is_asked_about_first() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let path = format!("{BASE}/question/new");
    let typed = [
        ("topic", "予約の画面が開かない"),
        ("channel", "phone"),
        ("received_on", "2026-10-30"),
    ];
    let ask = async |client: &mut Client, more: &[(&str, &str)]| {
        let form = client.get(&path).await.text();
        let fields: Vec<_> = typed.iter().chain(more).copied().collect();
        send(client, &path, &form, &fields).await
    };
    let first = ask(&mut staff, &[]).await;
    let (_, page) = done(&mut staff, first).await;
    assert!(page.contains("問合せ-R8-001"), "{page}");

    let same = ask(&mut staff, &[]).await;
    assert_eq!(same.status, StatusCode::CONFLICT);
    let page = same.text();
    assert!(page.contains("同じ内容を 問合せ-R8-001"), "{page}");
    assert!(page.contains("予約の画面が開かない"), "{page}");
    assert_eq!(hidden(&page, "again"), "1");
    let other = ask(&mut staff, &[("section", "子育て支援課")]).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER, "other words are new");
    let mut colleague = test.sign_in(Role::Staff).await;
    let theirs = ask(&mut colleague, &[]).await;
    assert_eq!(theirs.status, StatusCode::SEE_OTHER, "another person's too");

    let meant = ask(&mut staff, &[("again", "1")]).await;
    assert_eq!(meant.status, StatusCode::SEE_OTHER, "{}", meant.text());
    test.clock.advance(jiff::SignedDuration::from_mins(11));
    let later = ask(&mut staff, &[]).await;
    assert_eq!(
        later.status,
        StatusCode::SEE_OTHER,
        "minutes later it is new"
    );
}
