//! A cluster of three nats-servers. Each reaches every other one over a separate road, which can be closed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::cut::Network;
use crate::nats::{NatsServer, version};
use crate::temporary;

/// How many servers there are.
pub const SERVERS: usize = 3;

/// Three servers that keep replicas of each other's streams.
pub struct NatsCluster {
    servers: Vec<NatsServer>,
    /// The road from one to another.
    roads: BTreeMap<(usize, usize), Network>,
    home: TempDir,
}

impl NatsCluster {
    /// Starts it; `None`, with a loud message, if nats-server is not installed. It is ready once it can
    /// create a stream.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with additions to each server's `jetstream` block.
    #[must_use]
    pub fn start_with(jetstream: &str) -> Option<Self> {
        version()?;
        let home = temporary();
        let all = || (0..SERVERS).flat_map(|from| (0..SERVERS).map(move |to| (from, to)));
        let roads =
            all().filter(|(from, to)| from != to).map(|road| (road, Network::unconnected())).collect();
        let mut cluster = Self { servers: Vec::new(), roads, home };
        for number in 0..SERVERS {
            let config = cluster.home.path().join(format!("{}.conf", Self::name(number)));
            let mut server = NatsServer::new(config.clone()).routed();
            let host = server.host();
            std::fs::write(&config, cluster.config(number, jetstream, host, None)).unwrap();
            server.start();
            let routes = server.ports().routes.unwrap();
            // When it is restarted, the roads to it lead to the same place.
            std::fs::write(config, cluster.config(number, jetstream, host, Some(routes))).unwrap();
            for ((_, to), road) in &cluster.roads {
                if *to == number {
                    road.lead_to(&format!("{host}:{routes}"));
                }
            }
            cluster.servers.push(server);
        }
        Some(cluster)
    }

    /// Servers learn each other's addresses and would bypass the roads: what they advertise leads nowhere.
    fn config(&self, number: usize, jetstream: &str, host: Ipv4Addr, port: Option<u16>) -> String {
        let roads = self.roads.iter().filter(|((from, _), _)| *from == number);
        let routes: Vec<_> = roads.map(|(_, road)| format!("\"nats-route://{}\"", road.address())).collect();
        format!(
            "server_name: {name}\njetstream {{ store_dir: \"{store}\"\n{jetstream} }}\n\
             cluster {{ name: tests, listen: \"{host}:{port}\", advertise: \"127.0.0.1:1\", no_advertise: true\n\
             routes: [{routes}] }}\n",
            name = Self::name(number),
            store = self.store(number).display(),
            port = port.map_or_else(|| "-1".to_owned(), |port| port.to_string()),
            routes = routes.join(", "),
        )
    }

    /// The name of a server.
    #[must_use]
    pub fn name(number: usize) -> String {
        format!("n{number}")
    }

    /// Which server has this name.
    #[must_use]
    pub fn number(name: &str) -> usize {
        (0..SERVERS).find(|number| Self::name(*number) == name).unwrap()
    }

    /// Where a server's store is.
    #[must_use]
    pub fn store(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("store-{number}"))
    }

    /// The addresses of all of them, joined by commas, starting with that of one of them.
    #[must_use]
    pub fn urls_from(&self, first: usize) -> String {
        let numbers = (0..SERVERS).map(|nth| (first + nth) % SERVERS);
        numbers.map(|number| self.servers[number].url()).collect::<Vec<_>>().join(",")
    }

    /// The address of one server.
    #[must_use]
    pub fn url(&self, number: usize) -> String {
        self.servers[number].url()
    }

    /// Where the monitoring of all of them answers, joined by commas.
    #[must_use]
    pub fn monitors(&self) -> String {
        self.servers.iter().map(NatsServer::monitor).collect::<Vec<_>>().join(",")
    }

    /// Kills a server with SIGKILL and waits until it is gone.
    pub fn kill(&mut self, number: usize) {
        self.servers[number].kill();
    }

    /// Restarts a server, at the same addresses.
    pub fn restart(&mut self, number: usize) {
        self.servers[number].start();
    }

    /// Removes everything that a server has stored; it must not be running.
    pub fn wipe(&mut self, number: usize) {
        assert!(!self.servers[number].runs(), "server {number} runs");
        std::fs::remove_dir_all(self.store(number)).unwrap();
    }

    /// Closes all roads from and to a server. Its clients still reach it.
    pub fn cut_off(&self, number: usize) {
        self.roads_of(number).for_each(Network::down);
    }

    /// Opens them again.
    pub fn join_again(&self, number: usize) {
        self.roads_of(number).for_each(Network::up);
    }

    /// How often a connection from or to a server was cut or refused.
    #[must_use]
    pub fn cuts(&self, number: usize) -> u64 {
        self.roads_of(number).map(Network::cuts).sum()
    }

    fn roads_of(&self, number: usize) -> impl Iterator<Item = &Network> {
        let of_it = move |(from, to): &(usize, usize)| *from == number || *to == number;
        self.roads.iter().filter(move |(road, _)| of_it(road)).map(|(_, road)| road)
    }
}
