//! Names whose addresses must not be reached, whatever mixture of them a resolver returns.

use std::sync::Mutex;

use super::*;
use crate::target::{Permits, Target};

/// Answers with one list after another, the last one forever.
struct Answers(Mutex<Vec<Vec<&'static str>>>);

impl Resolve for Answers {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        // The resolver's port is ignored.
        let found = answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 1)).collect();
        Box::pin(async { Ok(found) })
    }
}

fn ask(answers: &Answers, permits: &Permits) -> Result<Vec<String>, String> {
    let target = Target::parse("https://hook.example/", permits).unwrap();
    let found = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = found.block_on(addresses("hook.example", target.port(), target.reach(), answers));
    found.map(|list| list.iter().map(ToString::to_string).collect()).map_err(|error| error.to_string())
}

#[test]
fn one_forbidden_address_forbids_the_name() {
    let table = [
        (vec!["93.184.215.14"], ""),
        (vec!["93.184.215.14", "2606:4700::1111"], ""),
        (vec!["93.184.215.14", "127.0.0.1"], "this machine"),
        (vec!["127.0.0.1", "93.184.215.14"], "this machine"),
        (vec!["93.184.215.14", "::1"], "this machine"),
        (vec!["2606:4700::1111", "fd00::1"], "private"),
        (vec!["93.184.215.14", "169.254.169.254"], "link-local"),
        (vec!["::ffff:93.184.215.14"], "IPv4 address in IPv6"),
        (vec!["64:ff9b::5db8:d70e"], "NAT64"),
        (vec!["100.64.1.1"], "carrier"),
        (vec!["8.8.8.8", "8.8.4.4", "1.1.1.1", "10.1.1.1"], "private"),
        (vec![], "no address"),
    ];
    for (answer, rule) in table {
        let found = ask(&Answers(Mutex::new(vec![answer.clone()])), &Permits::default());
        match found {
            Ok(list) => {
                assert_eq!(rule, "", "{answer:?}");
                assert!(list.iter().all(|address| address.ends_with(":443")), "{list:?}");
            }
            Err(error) => assert!(!rule.is_empty() && error.contains(rule), "{answer:?}: {error}"),
        }
    }
    let many = vec!["8.8.8.8"; 65];
    assert!(ask(&Answers(Mutex::new(vec![many])), &Permits::default()).unwrap_err().contains("at most 64"));
}

#[test]
fn a_name_that_turns_inwards_is_refused_at_the_next_attempt() {
    let answers = Answers(Mutex::new(vec![vec!["93.184.215.14"], vec!["127.0.0.1"]]));
    assert!(ask(&answers, &Permits::default()).is_ok());
    assert!(ask(&answers, &Permits::default()).is_err());
    let permits = Permits { private: true, ..Permits::default() };
    assert!(ask(&answers, &permits).is_ok());
    let metadata = Answers(Mutex::new(vec![vec!["169.254.169.254"]]));
    assert!(ask(&metadata, &permits).is_err());
}
