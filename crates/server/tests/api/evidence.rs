//! Evidence of several tasks, some of which cannot be written.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_server::reactor::{Evidence, evidence_dir};

use crate::support::Service;

const FILES: [&str; 3] = ["budget_report.md", "budget_report.html", "budget_enforcement.json"];

async fn close(service: &Service, task: &str) {
    let open = json!([{"id": "open", "task": task, "task_opened": {}}]);
    let (status, answer) = service.append(open).await;
    assert_eq!(status.as_u16(), 201, "{answer}");
    let close = json!([{"id": "c", "task": task, "task_closed": {"outcome": "completed"}}]);
    let (status, answer) = service.append(close).await;
    assert_eq!(status.as_u16(), 201, "{answer}");
}

fn written(dir: &Path, task: &str) -> bool {
    FILES.iter().all(|name| evidence_dir(dir, "default", task).join(name).is_file())
}

async fn health(service: &Service) -> (u16, Value) {
    let (status, health) = service.get("/v1/health").await;
    (status.as_u16(), health)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_evidence_fails_holds_up_no_other_and_is_tried_again() {
    let service = Service::new().await;
    let dir = tempfile::tempdir().unwrap();
    let (place, mark) = (dir.path().join("evidence"), dir.path().join("evidence.json"));
    let longest = "\u{4efb}".repeat(42);
    // The place of one task's evidence is occupied by something else, that of another by a link.
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("A-1"), "a file").unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, place.join("A-2")).unwrap();
    for task in ["A-1", "A-2", &longest, "Z-9"] {
        close(&service, task).await;
    }
    let evidence = || Evidence::new(service.ledger.clone(), place.clone(), mark.clone());
    let mut first = evidence();
    let error = first.catch_up().await.unwrap_err().to_string();
    assert!(error.contains("A-1"), "{error}");
    assert!(written(&place, "Z-9") && written(&place, &longest));
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "nothing is written through a link");
    let (status, shown) = health(&service).await;
    assert_eq!((status, &shown["status"]), (200, &json!("degraded")), "{shown}");
    let checks = shown["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "evidence").unwrap();
    assert_eq!(check["ok"], false);
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("task `A-1`, and of 1 other task"), "{detail}");

    // After a restart, once that is fixed: nothing was forgotten.
    drop(first);
    std::fs::remove_file(place.join("A-1")).unwrap();
    std::fs::remove_file(place.join("A-2")).unwrap();
    evidence().catch_up().await.unwrap();
    assert!(written(&place, "A-1") && written(&place, "A-2"));
    assert_eq!(health(&service).await.1["status"], "ok");
    assert!(!std::fs::read_to_string(&mark).unwrap().contains("retry"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_through_a_link_wherever_it_stands() {
    type Links = fn(&Path) -> std::path::PathBuf;
    let links: [(&str, Links); 3] = [
        ("the directory of the tenant", |place| place.join("acme")),
        ("`verify`", |place| place.join("acme").join("T-1").join("verify")),
        ("what a crash left", |place| {
            place.join("acme").join("T-1").join("verify").join("budget_report.md.new")
        }),
    ];
    for (what, link) in links {
        let service = Service::new().await;
        let dir = tempfile::tempdir().unwrap();
        let (place, mark) = (dir.path().join("evidence"), dir.path().join("evidence.json"));
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        let link = link(&place);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        let leads_to = if link.extension().is_some() { outside.join("f") } else { outside.clone() };
        std::os::unix::fs::symlink(&leads_to, &link).unwrap();
        let opened = json!([
            {"id": "o", "tenant": "acme", "task": "T-1", "task_opened": {}},
            {"id": "c", "tenant": "acme", "task": "T-1", "task_closed": {"outcome": "completed"}},
            {"id": "o", "task": "T-2", "task_opened": {}},
            {"id": "c", "task": "T-2", "task_closed": {"outcome": "completed"}},
        ]);
        let (status, answer) = service.append(opened).await;
        assert_eq!(status.as_u16(), 201, "{answer}");
        let mut evidence = Evidence::new(service.ledger.clone(), place.clone(), mark);
        let error = evidence.catch_up().await.unwrap_err().to_string();
        assert!(error.contains("is a symbolic link"), "{what}: {error}");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "{what}: nothing is written through it");
        assert!(written(&place, "T-2"), "{what}: the others have theirs");
        assert_eq!(health(&service).await.1["status"], "degraded", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_does_not_fit_the_log_is_kept_and_said_and_all_evidence_is_written() {
    for (mark, says) in [
        ("{\"epoch\":\"01900000-0000-7000-8000-000000000000\",\"read_through\":1}", "is of another log"),
        ("{\"epoch\":", "cannot be read"),
        ("AHEAD", "but the log ends at"),
    ] {
        let service = Service::new().await;
        let dir = tempfile::tempdir().unwrap();
        let (place, file) = (dir.path().join("evidence"), dir.path().join("evidence.json"));
        close(&service, "T-1").await;
        let epoch = service.ledger.log().epoch().id;
        let mark = mark.replace("AHEAD", &json!({"epoch": epoch, "read_through": 4711}).to_string());
        std::fs::write(&file, &mark).unwrap();
        let mut evidence = Evidence::new(service.ledger.clone(), place.clone(), file.clone());
        evidence.catch_up().await.unwrap();
        assert!(written(&place, "T-1"), "{mark}");
        let (_, shown) = health(&service).await;
        assert_eq!(shown["status"], "degraded", "{mark}: {shown}");
        let checks = shown["checks"].as_array().unwrap();
        let detail = &checks.iter().find(|check| check["name"] == "evidence").unwrap()["detail"];
        let detail = detail.as_str().unwrap();
        assert!(detail.contains(says) && detail.contains("evidence.json.aside-1"), "{detail}");
        let kept = std::fs::read_to_string(dir.path().join("evidence.json.aside-1")).unwrap();
        assert_eq!(kept, mark, "the witness is kept");
        // Restarting is the decision: from here on the new mark counts.
        drop(evidence);
        let mut again = Evidence::new(service.ledger.clone(), place.clone(), file);
        again.catch_up().await.unwrap();
        close(&service, "T-2").await;
        again.catch_up().await.unwrap();
        assert_eq!(health(&service).await.1["status"], "ok", "{mark}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_written_in_time_is_written_the_next_time() {
    let service = Service::new().await;
    let dir = tempfile::tempdir().unwrap();
    let (place, mark) = (dir.path().join("evidence"), dir.path().join("evidence.json"));
    let tasks: Vec<String> = (0..70).map(|number| format!("T-{number}")).collect();
    for task in &tasks {
        close(&service, task).await;
    }
    let evidence = || Evidence::new(service.ledger.clone(), place.clone(), mark.clone());
    let counted = || tasks.iter().filter(|task| written(&place, task)).count();
    assert!(!evidence().catch_up_within(Duration::ZERO).await.unwrap());
    assert_eq!(counted(), 0);
    assert!(evidence().catch_up_within(Duration::MAX).await.unwrap());
    assert_eq!(counted(), tasks.len());
}
