//! Every component, rendered: the structure that people and the script rely on.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_testkit::TestApp;

#[path = "../../examples/gallery/page.rs"]
mod page;

async fn shown(address: &str) -> String {
    let test = TestApp::with(vec![page::capability()]).await;
    let answer = test.sign_in(Role::Manager).await.get(address).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text()
}

/// Values of an attribute, in order.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    page.split(&format!(" {attribute}=\""))
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(value, _)| value))
        .collect()
}

#[tokio::test]
async fn ids_are_unique_and_everything_pointed_at_is_there() {
    let page = shown("/gallery").await;
    let ids = values(&page, "id");
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "{ids:?}");
    for attribute in ["for", "aria-describedby", "aria-labelledby", "data-dialog"] {
        for target in values(&page, attribute)
            .into_iter()
            .flat_map(str::split_whitespace)
        {
            assert!(ids.contains(&target), "{attribute}={target}");
        }
    }
    for target in values(&page, "href")
        .into_iter()
        .filter_map(|href| href.strip_prefix('#'))
    {
        assert!(ids.contains(&target), "#{target}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
}

#[tokio::test]
async fn no_text_lacks_its_words() {
    let page = shown("/gallery?q=%E7%84%A1%E3%81%84").await + &shown("/gallery?page=3").await;
    for prefix in ["ui-", "script-", "shell-"] {
        for place in [">", "=\""] {
            assert!(
                !page.contains(&format!("{place}{prefix}")),
                "{place}{prefix}"
            );
        }
    }
    for text in values(&page, "data-text-offline") {
        assert!(text.contains("入力は残っています"), "{text}");
    }
}

#[tokio::test]
async fn a_table_is_sorted_filtered_and_cut_by_its_address() {
    let page = shown("/gallery?sort=count&dir=desc&size=50").await;
    assert!(page.contains("aria-sort=\"descending\""));
    assert!(
        page.contains("href=\"/gallery?sort=count&#38;dir=asc&#38;size=50\""),
        "{page}"
    );
    assert!(page.contains("120 件中 1〜50 件"));
    let first = page.split_once("<tbody>").expect("rows").1;
    assert!(
        first
            .trim_start()
            .starts_with("<tr><th scope=\"row\" class=\"nowrap\"><a href=\"/obligations/O-006\">")
    );
    let page = shown("/gallery?state=bad").await;
    assert!(page.contains("20 件中 1〜20 件") && !page.contains("O-001</a>"));
    let page = shown("/gallery?q=%3Cscript%3E").await;
    assert!(page.contains("条件に合うものはありません。"));
    assert!(page.contains("value=\"&#60;script&#62;\""));
}

#[tokio::test]
async fn a_table_comes_whole_as_csv() {
    let page = shown("/gallery?state=bad&format=csv").await;
    assert!(page.starts_with("\u{feff}番号,内容,状態,期限,件数\r\n"));
    assert_eq!(page.lines().count(), 21);
}

#[tokio::test]
async fn a_refused_form_says_what_is_wrong_above_and_beside_the_field() {
    let test = TestApp::with(vec![page::capability()]).await;
    let mut person = test.sign_in(Role::Manager).await;
    let refused = person
        .post_form("/gallery", &[("title", " "), ("date", "2026-10-02")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    assert!(page.contains("data-error-summary") && page.contains("href=\"#f-title\""));
    assert!(page.contains("aria-invalid=\"true\" aria-describedby=\"e-title h-title\""));
    assert!(
        page.contains("value=\"2026-10-02\""),
        "what was typed is kept"
    );
    let taken = person
        .post_form("/gallery", &[("title", "点検"), ("date", "2026-10-02")])
        .await;
    assert_eq!(taken.location(), "/gallery");
}
