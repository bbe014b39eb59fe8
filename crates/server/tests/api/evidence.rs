//! Evidence of tasks of which some cannot be written.

use std::path::Path;

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
    // Something else stands where the evidence of one task should, and a link where that of another should.
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

    // After a restart, once that is mended: nothing was forgotten.
    drop(first);
    std::fs::remove_file(place.join("A-1")).unwrap();
    std::fs::remove_file(place.join("A-2")).unwrap();
    evidence().catch_up().await.unwrap();
    assert!(written(&place, "A-1") && written(&place, "A-2"));
    assert_eq!(health(&service).await.1["status"], "ok");
    assert!(!std::fs::read_to_string(&mark).unwrap().contains("retry"));
}
