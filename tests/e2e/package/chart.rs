//! The Helm chart: what it makes of values, and that the program knows what it is told by it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate_test_process::Program;
use tollgate_tests::Place;

use super::{at, checkers, of_repository, text_of};

const CHART: &str = "config/deploy/helm/tollgate";

/// What Helm makes of the chart with values.
struct Rendered {
    objects: Vec<Value>,
    notes: String,
}

impl Rendered {
    fn of(python: &str, values: &Value) -> Result<Self, String> {
        let place = Place::new();
        place.write("values.json", &values.to_string());
        let mut chart = Program::new(python);
        chart.arg(of_repository("tools/package/chart")).args([
            "--name",
            "led",
            "--namespace",
            "ops",
            "--values",
        ]);
        let run = chart.arg(place.path("values.json")).output();
        if !run.status.success() {
            return Err(String::from_utf8(run.stderr).unwrap());
        }
        let told: Value = serde_json::from_slice(&run.stdout).unwrap();
        let objects = told["objects"].as_array().unwrap().clone();
        Ok(Self { objects, notes: told["notes"].as_str().unwrap().to_owned() })
    }

    fn all(&self, kind: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).collect()
    }

    fn one(&self, kind: &str, name: &str) -> &Value {
        let named = self.all(kind).into_iter().find(|object| at(object, "/metadata/name") == name);
        named.unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// The specs of all pods.
    fn pods(&self) -> Vec<&Value> {
        self.objects.iter().filter_map(|object| object.pointer("/spec/template/spec")).collect()
    }

    /// The container of a pod.
    fn container(&self, kind: &str, name: &str) -> &Value {
        at(self.one(kind, name), "/spec/template/spec/containers/0")
    }
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Values of all that can be turned on, with one log or the other.
fn full(log: &str) -> Value {
    json!({
        "log": log, "access": "guarded", "tls": {"secretName": "led-tls"}, "hosts": ["ledger.example"],
        "trustedProxies": ["10.0.0.0/8"], "config": "rollout: observe\n", "prices": "{}", "alerts": "endpoints: []\n",
        "secretName": "webhooks", "imagePullSecrets": [{"name": "registry"}],
        "image": {"digest": format!("sha256:{}", "0".repeat(64))},
        "server": {"args": ["--max-lag=100000"], "env": [{"name": "TOLLGATE_LOG_LEVEL", "value": "info"}], "tolerations": [{"operator": "Exists"}]},
        "nats": {"url": "tls://nats:4222", "credsSecretName": "nats-user", "caSecretName": "nats-ca", "durability": "fsync", "monitor": "http://nats:8222"},
        "networkPolicy": {"nats": [{"podSelector": {"matchLabels": {"app": "nats"}}}], "egress": [{"ports": [{"port": 443}]}]},
    })
}

#[test]
fn every_pod_is_restricted_and_every_command_is_one_of_the_program() {
    let Some(python) = checkers("the chart") else { return };
    let place = Place::new();
    let in_parts = json!({"log": "nats", "nats": {"url": "nats://nats:4222"}, "projectors": {"storage": {"enabled": false}, "views": [
        {"view": "status", "partitions": "0-7"}, {"view": "status", "partitions": "8-15"}, {"view": "reports", "partitions": "0-15"},
        {"view": "alerts", "partitions": "0-15"}, {"view": "spending", "partitions": "0-15"}]}});
    for (values, pods) in [
        (json!({}), 1),
        (json!({"access": "closed", "storage": {"existingClaim": "old"}}), 1),
        (full("embedded"), 1),
        (full("nats"), 6),
        (in_parts, 7),
    ] {
        let rendered = Rendered::of(&python, &values).unwrap();
        assert_eq!(rendered.pods().len(), pods, "{values}");
        for pod in rendered.pods() {
            assert_eq!(at(pod, "/automountServiceAccountToken"), false);
            let of_pod = at(pod, "/securityContext");
            assert_eq!((&of_pod["runAsNonRoot"], &of_pod["runAsUser"]), (&json!(true), &json!(65532)));
            assert_eq!(at(of_pod, "/seccompProfile/type"), "RuntimeDefault");
            let container = at(pod, "/containers/0");
            let own = at(container, "/securityContext");
            let rights = (
                &own["allowPrivilegeEscalation"],
                &own["readOnlyRootFilesystem"],
                at(own, "/capabilities/drop"),
            );
            assert_eq!(rights, (&json!(false), &json!(true), &json!(["ALL"])));
            assert!(at(container, "/resources/limits/memory").is_string());
            // Each mount has its volume, of the pod or of the set.
            let claims = rendered
                .all("StatefulSet")
                .into_iter()
                .filter_map(|set| set.pointer("/spec/volumeClaimTemplates/0/metadata/name"));
            let volumes = pod["volumes"].as_array().into_iter().flatten().map(|volume| &volume["name"]);
            let volumes: Vec<&Value> = volumes.chain(claims).collect();
            for mount in at(container, "/volumeMounts").as_array().unwrap() {
                assert!(volumes.contains(&&mount["name"]), "{mount} of {volumes:?}");
            }
            let line = words(&container["args"]).join(" ");
            let said = place.run_line(&format!("{line} --help"));
            assert_eq!(said.code, 0, "{line}: {said:?}");
            for variable in at(container, "/env").as_array().unwrap() {
                let name = variable["name"].as_str().unwrap();
                assert!(said.out.contains(&format!("[env: {name}=")), "`{line}` reads no {name}");
            }
        }
    }
}

#[test]
fn who_reaches_a_server_follows_from_access() {
    let Some(python) = checkers("the chart") else { return };
    let server = |values: &Value| {
        let rendered = Rendered::of(&python, values).unwrap();
        let args = words(at(rendered.container("StatefulSet", "led-tollgate"), "/args")).join(" ");
        (rendered, args)
    };
    let probe = |rendered: &Rendered| {
        at(rendered.container("StatefulSet", "led-tollgate"), "/readinessProbe").clone()
    };
    let lets_in =
        |rendered: &Rendered| at(rendered.one("NetworkPolicy", "led-tollgate"), "/spec/ingress").clone();

    let (rendered, args) = server(&json!({}));
    assert_eq!(args, "serve --listen=127.0.0.1:7070");
    assert_eq!(
        at(&probe(&rendered), "/exec/command"),
        &json!(["tollgate", "ready", "http://127.0.0.1:7070"])
    );
    assert_eq!(lets_in(&rendered), json!([]));
    assert!(
        rendered.notes.contains(
            "kubectl exec -n ops led-tollgate-0 -c server -- tollgate key create root --scope admin"
        )
    );

    let (rendered, args) = server(&full("embedded"));
    assert_eq!(args.matches("--allow-remote").count(), 1, "{args}");
    assert!(
        args.contains("--listen=0.0.0.0:7070") && args.contains("--tls-key=/etc/tollgate/tls/tls.key"),
        "{args}"
    );
    assert!(
        args.contains("--allow-host=led-tollgate.ops.svc ") && args.contains("--allow-host=ledger.example"),
        "{args}"
    );
    assert_eq!(at(&probe(&rendered), "/httpGet/scheme"), "HTTPS");
    assert_eq!(at(&lets_in(&rendered), "/0/ports/0/port"), 7070);
    assert!(rendered.notes.contains("https://led-tollgate.ops.svc:7070"), "{}", rendered.notes);
    let claim = at(rendered.one("StatefulSet", "led-tollgate"), "/spec/volumeClaimTemplates/0/spec");
    assert_eq!(at(claim, "/resources/requests/storage"), "20Gi");

    let (rendered, args) = server(&json!({"access": "closed"}));
    assert_eq!(args.matches("--allow-remote").count(), 2, "{args}");
    assert!(!args.contains("--tls"), "{args}");
    assert_eq!(at(&probe(&rendered), "/httpGet/scheme"), "HTTP");
}

#[test]
fn a_ledger_on_nats_has_servers_and_a_projector_for_each_view() {
    let Some(python) = checkers("the chart") else { return };
    let rendered = Rendered::of(&python, &full("nats")).unwrap();
    assert!(rendered.all("StatefulSet").is_empty());
    assert_eq!(at(rendered.one("Deployment", "led-tollgate"), "/spec/replicas"), 2);
    for view in ["status", "reports", "alerts", "spending"] {
        let name = format!("led-tollgate-{view}");
        let args = words(at(rendered.container("Deployment", &name), "/args")).join(" ");
        assert_eq!(args, format!("projector {view} --partitions=0-15 --data=/var/lib/tollgate"));
        assert_eq!(at(rendered.one("Deployment", &name), "/spec/strategy/type"), "Recreate");
        let _ = rendered.one("PersistentVolumeClaim", &name);
    }
    let init = words(at(rendered.container("Job", "led-tollgate-init"), "/args")).join(" ");
    assert_eq!(init, "log init --max-bytes=16GiB --replicas=1");
    // What is no server is reached by nobody, and reaches NATS and names.
    let policy = at(rendered.one("NetworkPolicy", "led-tollgate-projectors"), "/spec");
    assert_eq!((&policy["ingress"], policy["egress"].as_array().unwrap().len()), (&json!([]), 2));
    assert_eq!(at(policy, "/egress/1/to/0/podSelector/matchLabels/app"), "nats");
}

#[test]
fn values_that_would_open_or_break_a_ledger_are_refused() {
    let Some(python) = checkers("the chart") else { return };
    for (values, part) in [
        (json!({"access": "guarded"}), "/tls/secretName"),
        (json!({"access": "open"}), "/access"),
        (json!({"access": "closed", "networkPolicy": {"enabled": false}}), "/networkPolicy/enabled"),
        (json!({"access": "closed", "networkPolicy": {"from": []}}), "/networkPolicy/from"),
        (json!({"log": "nats"}), "/nats/url"),
        (json!({"log": "nats", "nats": {"url": "http://nats"}}), "/nats/url"),
        (json!({"projectors": {"views": [{"view": "status", "partitions": "0-15"}]}}), "/projectors/views"),
        (json!({"replicas": 3}), "replicas"),
        (json!({"server": {"replica": 3}}), "replica"),
        (json!({"service": {"port": 0}}), "/service/port"),
        (json!({"storage": {"size": "20 GB"}}), "/storage/size"),
    ] {
        let Err(said) = Rendered::of(&python, &values) else { panic!("{values} is taken") };
        assert!(said.contains(part), "{values}: {said}");
    }
}

/// Without Helm: names that the chart and the program, or the chart and its guide, have in common.
#[test]
fn the_chart_is_of_this_version_and_its_values_are_in_the_guide() {
    let version = Place::new().ok("--version");
    let version = version.trim().trim_start_matches("tollgate ");
    let chart = text_of(&format!("{CHART}/Chart.yaml"));
    assert!(chart.contains(&format!("appVersion: \"{version}\"\n")), "{chart}");
    let guide = text_of("docs/guides/install.md");
    let values = text_of(&format!("{CHART}/values.yaml"));
    let top = values.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let top: Vec<&str> = top.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert!(top.len() > 15, "{top:?}");
    for value in &top {
        let there = guide.contains(&format!("`{value}`")) || guide.contains(&format!("`{value}."));
        assert!(there, "docs/guides/install.md does not say what `{value}` is");
    }
    // Every value that a template reads is one of them.
    let mut read = BTreeSet::new();
    for entry in std::fs::read_dir(of_repository(&format!("{CHART}/templates"))).unwrap() {
        let template = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for part in template.split(".Values.").skip(1) {
            let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
            read.insert(name);
        }
    }
    assert_eq!(read, top.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
}
