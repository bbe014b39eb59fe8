//! The receiver in the guide, as a reader would run it.

use std::path::Path;
use std::process::Stdio;
use std::time::UNIX_EPOCH;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tollgate_deliver::message::Message;
use tollgate_deliver::schedule::Answer;
use tollgate_domain::time::Timestamp;
use tollgate_test_process::{Program, now, temporary};

use crate::support::{PATIENCE, SECRET, change, webhook};

/// The Python block of the guide.
fn script() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/webhooks.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let (_, rest) = guide.split_once("```python\n").unwrap();
    rest.split_once("```\n").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_receiver_of_the_guide_takes_what_we_send_and_nothing_else() {
    let dir = temporary();
    let (file, secret) = (dir.path().join("receiver.py"), dir.path().join("pager.secret"));
    std::fs::write(&file, script()).unwrap();
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let mut python = Program::new("python3");
    python.arg(&file).arg(&secret).arg("0").stdout(Stdio::piped());
    let Ok(mut python) = python.try_start() else { return crate::verify::skipped() };
    let stdout = ChildStdout::from_std(python.stdout.take().unwrap()).unwrap();
    let mut lines = BufReader::new(stdout).lines();
    let mut line = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        line.unwrap().unwrap().unwrap()
    };
    let port: u16 = line().await.strip_prefix("listening on ").unwrap().parse().unwrap();
    let webhook = webhook(([127, 0, 0, 1], port).into());
    let (one, two) = (Message::of_change("pager", change(1)), Message::of_change("pager", change(2)));
    // The receiver compares the time with its own clock.
    let since = now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let now = Timestamp::from_micros(since.try_into().unwrap()).unwrap();
    let taken = Answer::Delivered { status: Some(204) };
    assert_eq!(webhook.attempt(&one, now).await, taken);
    // Again, as after a kill: accepted, and not reported twice.
    assert_eq!(webhook.attempt(&one, now).await, taken);
    let late = webhook.attempt(&two, now.plus_millis(-3_600_000)).await;
    assert_eq!(late.status(), Some(401), "an old timestamp");
    assert_eq!(webhook.attempt(&two, now).await, taken);
    assert_eq!(line().await, "alert.raised task T-1 has used all of its tokens");
    assert_eq!(line().await, "alert.raised task T-2 has used all of its tokens");
}
