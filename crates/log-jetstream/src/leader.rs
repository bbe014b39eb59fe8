//! Whether the answer of a replicated stream's leader about its end can be trusted.
//!
//! A leader that was cut off keeps answering for a while, and does not know what the others acknowledge under
//! a new one. They elect no new leader until they have not heard from it for at least [`ELECTION`]: a leader
//! that a majority has answered within a shorter time is the only one.

use std::time::Duration;

use async_nats::jetstream::stream::{ClusterInfo, Info};

/// Servers wait at least this long for their leader before they elect another one: nats-server 2.9 to 2.15.
const ELECTION: Duration = Duration::from_secs(4);

/// How much of that is reserved for the answer to arrive here.
const MARGIN: Duration = Duration::from_secs(1);

/// Checks what a server reported about the stream.
///
/// # Errors
///
/// Why the server must be asked again.
pub(crate) fn check(info: &Info) -> Result<(), String> {
    match &info.cluster {
        Some(cluster) if info.config.num_replicas > 1 => check_cluster(cluster, info.config.num_replicas),
        Some(_) | None => Ok(()),
    }
}

fn check_cluster(cluster: &ClusterInfo, replicas: usize) -> Result<(), String> {
    let Some(leader) = &cluster.leader else {
        return Err("the stream has no leader at the moment".to_owned());
    };
    // The answering server lists the others. One that was cut off first hears of the new leader, and names it
    // together with its own outdated end.
    if cluster.replicas.iter().any(|peer| peer.name == *leader) {
        return Err(format!("server {leader} leads the stream, and another one answered for it"));
    }
    let heard = |active: Duration| active > Duration::ZERO && active < ELECTION.saturating_sub(MARGIN);
    let others = cluster.replicas.iter().filter(|peer| !peer.offline && heard(peer.active)).count();
    if (others + 1) * 2 > replicas {
        return Ok(());
    }
    Err(format!(
        "server {leader} leads the stream and has lately heard of {others} of its {} other replicas: it may be cut off",
        replicas.saturating_sub(1)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_believed_while_a_majority_answers_it() {
        let table: &[(&str, usize, bool)] = &[
            (r#"{"leader":"a","replicas":[]}"#, 3, false),
            (
                r#"{"replicas":[{"name":"b","current":true,"active":100},{"name":"c","current":true,"active":100}]}"#,
                3,
                false,
            ),
            (
                r#"{"leader":"a","replicas":[{"name":"b","current":true,"active":900000000},{"name":"c","current":false,"active":9000000000}]}"#,
                3,
                true,
            ),
            (
                r#"{"leader":"a","replicas":[{"name":"b","current":true,"active":3100000000},{"name":"c","current":true,"active":3100000000}]}"#,
                3,
                false,
            ),
            // A former leader at the moment it is back: it was cut off 12 s ago.
            (
                r#"{"leader":"a","replicas":[{"name":"a","current":true,"active":54992},{"name":"b","current":false,"active":12740373098}]}"#,
                3,
                false,
            ),
            // Never seen: reported as 0.
            (
                r#"{"leader":"a","replicas":[{"name":"b","current":false,"active":0},{"name":"c","current":false,"active":0}]}"#,
                3,
                false,
            ),
            (
                r#"{"leader":"a","replicas":[{"name":"b","current":true,"active":5,"offline":true},{"name":"c","current":false,"active":5}]}"#,
                3,
                true,
            ),
            (
                r#"{"leader":"a","replicas":[{"name":"b","current":true,"active":5},{"name":"c","current":false,"active":0},{"name":"d","current":false,"active":0},{"name":"e","current":false,"active":0}]}"#,
                5,
                false,
            ),
        ];
        for (text, replicas, believed) in table {
            let cluster: ClusterInfo = serde_json::from_str(text).unwrap();
            assert_eq!(check_cluster(&cluster, *replicas).is_ok(), *believed, "{text}");
        }
    }
}
