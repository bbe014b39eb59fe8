//! The image: what is in it, whom it runs as, and that it serves nobody whom it should not.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate_test_process::Program;
use tollgate_tests::{Place, Server, binary, request};

use super::{all_installed, at, bill, packaged, text_of, tool};

/// The image's user, and its group.
const USER: u32 = 65532;

const CHROOT: &str = "/usr/sbin/chroot";

/// The program without what only debuggers read: less to copy.
fn small_program(place: &Place) -> PathBuf {
    let small = place.path("tollgate");
    let args = ["-o", small.to_str().unwrap(), binary().to_str().unwrap()].map(str::to_owned);
    match Program::new("strip").args(args).try_output() {
        Ok(stripped) if stripped.status.success() => small,
        _ => binary(),
    }
}

fn extracted(archive: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let [archive, to] = [archive, to].map(|path| path.to_str().unwrap());
    let (done, said) =
        tool("tar", &["--extract", "--same-permissions", "--file", archive, "--directory", to]).unwrap();
    assert!(done, "{said}");
}

/// The blob that a descriptor names, once its digest and size are found right.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let path = layout.join("blobs/sha256").join(digest);
    assert_eq!(descriptor["size"], std::fs::metadata(&path).unwrap().len());
    let (_, said) = tool("sha256sum", &[path.to_str().unwrap()]).unwrap();
    assert!(said.starts_with(digest), "{said}");
    path
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The image of the program that is tested; `None`, said aloud: what makes one is not installed.
fn image(place: &Place) -> Option<(Value, PathBuf)> {
    if !all_installed(&["python3", "dpkg-query", "ldd", "tar", "sha256sum"]) {
        return None;
    }
    let (program, out) = (small_program(place), place.path("out"));
    let args = ["--binary", program.to_str().unwrap(), "--out", out.to_str().unwrap(), "--compression", "0"];
    let archive = packaged("tools/package/image", &args);
    let layout = place.path("layout");
    extracted(Path::new(archive.trim()), &layout);
    let index = read(&layout.join("index.json"));
    let manifest = read(&blob(&layout, at(&index, "/manifests/0")));
    let config = read(&blob(&layout, at(&manifest, "/config")));
    let files = blob(&layout, at(&manifest, "/layers/0"));
    Some((at(&config, "/config").clone(), files))
}

#[test]
fn the_image_has_the_program_its_libraries_and_a_user_without_rights_and_nothing_else() {
    let place = Place::new();
    let Some((config, files)) = image(&place) else { return };
    let set = |path| at(&config, path);
    assert_eq!(set("/User"), &json!(format!("{USER}:{USER}")));
    assert_eq!(set("/Entrypoint"), &json!(["tollgate"]));
    assert_eq!(set("/Cmd"), &json!(["serve"]));
    assert_eq!(set("/Volumes"), &json!({"/var/lib/tollgate": {}}));
    assert_eq!(set("/WorkingDir"), &json!("/var/lib/tollgate"));
    assert_eq!(set("/ExposedPorts"), &json!({"7070/tcp": {}}));
    assert_eq!(set("/Env"), &json!(["PATH=/usr/bin", "TOLLGATE_DATA=/var/lib/tollgate"]));
    assert_eq!(set("/Healthcheck/Test"), &json!(["CMD", "tollgate", "ready"]));

    let files = files.to_str().unwrap();
    let (_, listed) = tool("tar", &["--list", "--verbose", "--numeric-owner", "--file", files]).unwrap();
    let programs: Vec<&str> = listed.lines().filter(|line| line.contains("bin/")).collect();
    assert!(
        programs.len() == 2 && programs[1].ends_with(" usr/bin/tollgate"),
        "no shell, no tools: {programs:?}"
    );
    for line in listed.lines() {
        let own = line.ends_with(" var/lib/tollgate/");
        let owner = if own { format!("{USER}/{USER}") } else { "0/0".to_owned() };
        assert!(line.contains(&format!(" {owner} ")), "{line}");
        assert!(line.starts_with("drwx------") || !own, "{line}");
        let mode: Vec<char> = line.chars().take(10).collect();
        assert!(mode[8] != 'w' && !mode.iter().any(|bit| "sStT".contains(*bit)), "{line}");
    }
    for part in ["etc/ssl/certs/ca-certificates.crt", "etc/passwd", "usr/share/doc/libc6/copyright"] {
        assert!(listed.contains(&format!(" {part}\n")), "{part} is not in\n{listed}");
    }
    let (_, told) =
        tool("tar", &["--extract", "--to-stdout", "--file", files, "usr/share/doc/tollgate/sbom.cdx.json"])
            .unwrap();
    bill::check(&told);
    for package in ["libc6", "libgcc-s1", "ca-certificates"] {
        assert!(told.contains(&format!("\"pkg:deb/debian/{package}@")), "{package}");
    }
}

/// The image's files with its user in them, where nothing of this machine is seen.
struct Inside {
    root: PathBuf,
}

impl Inside {
    /// `None`, said aloud: only root can change into them.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn of(place: &Place, files: &Path) -> Option<Self> {
        let root = place.path("root");
        extracted(files, &root);
        let inside = Self { root };
        // Tests keep their directories to themselves, and its user is another.
        std::fs::set_permissions(&inside.root, Permissions::from_mode(0o755)).unwrap();
        if tool("id", &["--user"]).is_none_or(|(_, user)| user != "0\n") || !Path::new(CHROOT).exists() {
            eprintln!("skipped: only root can run the image's program where nothing else is seen");
            return None;
        }
        // Every engine gives a container this one.
        std::fs::create_dir(inside.root.join("dev")).unwrap();
        let urandom = inside.root.join("dev/urandom");
        let (made, said) = tool("mknod", &["--mode=666", urandom.to_str().unwrap(), "c", "1", "9"])?;
        if !made {
            eprintln!("skipped: devices cannot be made here: {said}");
            return None;
        }
        let (runs, said) = inside.says(&["--version"]);
        assert!(runs && said.starts_with("tollgate "), "{said}");
        Some(inside)
    }

    fn command(&self, args: &[&str]) -> Program {
        let mut command = Program::bare(CHROOT);
        command.arg(format!("--userspec={USER}:{USER}")).arg(&self.root).arg("/usr/bin/tollgate").args(args);
        command.env("TOLLGATE_DATA", "/var/lib/tollgate");
        command
    }

    fn says(&self, args: &[&str]) -> (bool, String) {
        let run = self.command(args).output();
        (run.status.success(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
    }

    /// A file, as an engine mounts it.
    fn mount(&self, name: &str, text: &str, mode: u32, [user, group]: [u32; 2]) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(user), Some(group)).unwrap();
    }
}

#[test]
fn the_image_serves_others_only_with_tls_and_keys_and_says_when_it_is_ready() {
    let place = Place::new();
    let Some((_, files)) = image(&place) else { return };
    let Some(inside) = Inside::of(&place, &files) else { return };
    // As a new volume is: it may have what its file system needs.
    std::fs::create_dir(inside.root.join("var/lib/tollgate/lost+found")).unwrap();
    let (ready, said) = inside.says(&["ready"]);
    assert!(!ready && said.contains("no server of this data directory answers"), "{said}");
    let serve = ["serve", "--listen", "0.0.0.0:0"];
    let serves = |more: &[&'static str]| [&serve[..], more].concat();
    for (flags, part) in [(&[][..], "--allow-remote"), (&["--allow-remote"], "it speaks no TLS")] {
        let (served, said) = inside.says(&serves(flags));
        assert!(!served && said.contains(part), "{said}");
    }
    // Kubernetes mounts a Secret of a pod with `fsGroup` like this.
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    inside.mount("etc/tollgate/tls/tls.crt", &made.cert.pem(), 0o440, [0, USER]);
    inside.mount("etc/tollgate/tls/tls.key", &made.signing_key.serialize_pem(), 0o444, [0, USER]);
    let tls =
        ["--allow-remote", "--tls-cert=/etc/tollgate/tls/tls.crt", "--tls-key=/etc/tollgate/tls/tls.key"];
    let (served, said) = inside.says(&serves(&tls));
    assert!(!served && said.contains("others can read it"), "{said}");
    inside.mount("etc/tollgate/tls/tls.key", &made.signing_key.serialize_pem(), 0o440, [0, USER]);
    let (served, said) = inside.says(&serves(&tls));
    assert!(!served && said.contains("the ledger has no key"), "{said}");
    let (made, said) = inside.says(&["key", "create", "root", "--scope", "admin"]);
    assert!(made, "{said}");

    let server = Server::run(inside.command(&serves(&tls)));
    assert!(server.url.starts_with("https://0.0.0.0:"), "{}", server.url);
    let (ready, said) = inside.says(&["ready"]);
    assert!(ready && said == "the server of /var/lib/tollgate is ready\n", "{said}");
    assert!(server.terminate().success());
    let (ready, said) = inside.says(&["ready"]);
    assert!(!ready, "{said}");
}

#[test]
fn a_server_on_all_addresses_answers_a_probe_that_calls_it_localhost() {
    let place = Place::new();
    let server = Server::of(
        &place,
        &["--data", "d", "serve", "--listen", "0.0.0.0:0", "--allow-remote", "--allow-remote"],
    );
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let (status, _) = request(&url, "GET", "/v1/ready", "").unwrap();
    assert_eq!(status, 200);
    let said = place.run_line(&format!("ready {url}"));
    assert_eq!((said.code, said.out), (0, format!("{url} is ready\n")));
    let told = place.json(&format!("--server {url} ready"));
    assert_eq!(told, json!({"ready": true, "server": url, "status": "ok"}));
    drop(server);
    let said = place.run_line(&format!("ready {url}"));
    assert!(said.code == 1 && said.err.contains(&format!("{url} is not ready")), "{said:?}");
    let told = place.fails(1, "--log nats://127.0.0.1:1 ready");
    assert!(told.contains("say which is meant"), "{told}");
}

#[test]
fn the_dockerfile_makes_what_the_script_makes() {
    let text = text_of("config/deploy/Dockerfile");
    let (_, stage) = text.rsplit_once("\nFROM scratch\n").expect("the last stage has no base");
    // What the script leaves to others to copy is all that the stage before makes.
    assert!(
        text.contains("tools/package/rootfs --binary target/dist/tollgate --out /rootfs && mkdir /owned")
    );
    assert!(stage.contains("COPY --from=build /rootfs/ /\n"));
    assert!(stage.contains(&format!("COPY --from=build --chown={USER}:{USER} /owned/ /var/lib/\n")));
    assert!(!stage.contains("RUN "), "nothing can be run where there is no shell");
}
