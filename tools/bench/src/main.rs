//! Benchmarks of Tollgate beside its peers. (work in progress)
#![allow(clippy::disallowed_methods, clippy::float_arithmetic, clippy::print_stdout, reason = "wip")]

mod committer;
mod ledger;
mod peers;
mod work;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use work::{Event, Events};

fn drive<F: Future<Output = ()> + Send>(producers: u64, size: usize, time: Duration, append: impl Fn(Vec<Event>) -> F + Send + Sync + Clone + 'static) -> f64 where F: 'static {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("rt");
    let total = std::sync::Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    rt.block_on(async {
        let tasks: Vec<_> = (0..producers).map(|p| {
            let (total, append) = (total.clone(), append.clone());
            tokio::spawn(async move {
                let mut ev = Events::of_producer(p);
                while start.elapsed() < time {
                    append(ev.batch(size)).await;
                    total.fetch_add(size as u64, Ordering::Relaxed);
                }
            })
        }).collect();
        for t in tasks { t.await.expect("task"); }
    });
    total.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn run(name: &str, dir: &Path, producers: u64, size: usize, time: Duration) -> f64 {
    let sub = dir.join(format!("{name}-{producers}-{size}-{}", std::process::id()));
    std::fs::create_dir_all(&sub).expect("dir");
    let go = |c: committer::Committer| { let c = std::sync::Arc::new(c); drive(producers, size, time, move |b| { let c = c.clone(); async move { c.append(b).await } }) };
    let r = match name {
        "raw" => go(peers::Raw::start(&sub)),
        "sqlite" => go(peers::Sqlite::start(&sub)),
        "sled" => go(peers::Sled::start(&sub)),
        _ => { let l = std::sync::Arc::new(ledger::Ledger::open(&sub)); drive(producers, size, time, move |b| { let l = l.clone(); async move { l.append(b).await } }) }
    };
    std::fs::remove_dir_all(&sub).expect("rm");
    r
}

fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/bench".into()));
    for round in 0..3 {
        for (p, s) in [(1, 1), (16, 1), (1, 64), (16, 64)] {
            let mut line = format!("{round} {p}x{s}: ");
            for name in ["raw", "tollgate", "sqlite", "sled"] {
                if std::env::args().nth(2).is_some_and(|only| !only.contains(name)) {
                    continue;
                }
                let r = run(name, &dir, p, s, Duration::from_secs(2));
                line += &format!(" {name} {r:.0}");
            }
            println!("{line}");
        }
    }
}
