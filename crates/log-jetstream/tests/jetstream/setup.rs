//! Creating the stream, and noticing one that differs from what a ledger needs.

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use tollgate_log_jetstream::identity::epoch_of;
use tollgate_log_jetstream::setup::verify;
use tollgate_log_jetstream::{Setup, SetupError};

use crate::support::{NatsServer, setup};

#[tokio::test]
async fn the_stream_is_made_once_and_read_back() {
    let Some(mut server) = NatsServer::start() else { return };
    let context = server.context().await;
    let missing = verify(&context, "TOLLGATE").await.unwrap_err();
    assert!(matches!(missing, SetupError::Missing { .. }), "{missing}");
    let made = setup().init(&context).await.unwrap();
    assert_eq!(made.config.discard, DiscardPolicy::New);
    assert!(made.config.deny_delete && made.config.deny_purge && made.config.allow_direct);
    let again = setup().init(&context).await.unwrap();
    assert_eq!(epoch_of(&again), epoch_of(&made));
    server.restart();
    let restarted = verify(&server.context().await, "TOLLGATE").await.unwrap();
    assert_eq!(epoch_of(&restarted), epoch_of(&made), "the epoch is the stream's, not the server's");
}

#[tokio::test]
async fn a_stream_that_takes_most_of_the_room_can_be_compared_again() {
    // 64 MiB and the inbox: there is no room for the same a second time.
    let Some(server) = NatsServer::start_with(|home| {
        format!("jetstream {{ max_file: 100MB, store_dir: \"{}\" }}", home.join("store").display())
    }) else {
        return;
    };
    let context = server.context().await;
    let error = Setup { max_bytes: 1 << 30, ..setup() }.init(&context).await.unwrap_err().to_string();
    assert!(
        error.contains("no room for the 1,073,741,824 bytes") && error.contains("--max-bytes"),
        "{error}"
    );
    let made = setup().init(&context).await.unwrap();
    let refused =
        context.create_stream(Config { name: "OTHER".to_owned(), subjects: vec![], ..setup().config() });
    assert!(refused.await.is_err(), "the server has more room than this test is about");
    let again = setup().init(&context).await.unwrap();
    assert_eq!(epoch_of(&again), epoch_of(&made));
}

#[tokio::test]
async fn a_stream_made_anew_has_another_epoch() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    let first = setup().init(&context).await.unwrap();
    context.delete_stream("TOLLGATE").await.unwrap();
    let second = setup().init(&context).await.unwrap();
    assert_ne!(epoch_of(&first).id, epoch_of(&second).id);
}

#[tokio::test]
async fn a_stream_that_differs_is_refused_with_every_field_that_does() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    let needed = setup();
    let drifts: &[(&[&str], Config)] = &[
        (&["discard"], Config { discard: DiscardPolicy::Old, ..needed.config() }),
        (&["deny_delete", "deny_purge"], Config { deny_delete: false, deny_purge: false, ..needed.config() }),
        (&["storage"], Config { storage: StorageType::Memory, ..needed.config() }),
        (
            &["subjects", "max_msg_size"],
            Config { subjects: vec!["tollgate.v1.>".to_owned()], max_message_size: 1024, ..needed.config() },
        ),
        (&["max_bytes"], Config { max_bytes: -1, ..needed.config() }),
        (
            &["duplicate_window"],
            Config { duplicate_window: std::time::Duration::from_secs(1), ..needed.config() },
        ),
        (&["allow_direct"], Config { allow_direct: false, ..needed.config() }),
    ];
    for (fields, config) in drifts {
        context.create_stream(config.clone()).await.unwrap();
        for error in
            [needed.init(&context).await.unwrap_err(), verify(&context, "TOLLGATE").await.unwrap_err()]
        {
            let SetupError::Differs { differences, .. } = &error else { panic!("{error}") };
            let found: Vec<&str> = differences.iter().map(|difference| difference.field).collect();
            assert_eq!(&found, fields, "{error}");
        }
        context.delete_stream("TOLLGATE").await.unwrap();
    }
}

#[tokio::test]
async fn the_operators_own_choices_are_compared_when_asked_for_only() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    setup().init(&context).await.unwrap();
    let error = Setup { max_bytes: 1 << 30, ..setup() }.init(&context).await.unwrap_err();
    assert!(error.to_string().contains("max_bytes is 67108864, needed is 1073741824"), "{error}");
    verify(&context, "TOLLGATE").await.unwrap();
}
