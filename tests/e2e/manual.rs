//! Completions, manual pages, and what a service manager is told.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tollgate_test_process::Program;
use tollgate_tests::{Place, Server};

use crate::help::commands;

#[test]
fn every_command_has_a_manual_page_with_its_flags() {
    let place = Place::new();
    let mut paths = Vec::new();
    commands(&place, "", &mut paths);
    let said = place.ok("man pages/man1");
    let named = |path: &str| format!("tollgate {path}").trim().replace(' ', "-");
    for path in &paths {
        let page = std::fs::read_to_string(place.path(&format!("pages/man1/{}.1", named(path)))).unwrap();
        assert!(page.contains(&format!(".TH {} 1", named(path))), "{path}\n{page}");
        assert!(page.contains(r"\-\-data"), "{path} lacks what is everywhere\n{page}");
    }
    let written = std::fs::read_dir(place.path("pages/man1")).unwrap().count();
    assert_eq!(written, paths.len(), "a page for each command, and nothing else");
    assert_eq!(said, format!("{written} manual pages in pages/man1\n"));
    place.write("file", "");
    assert!(place.fails(1, "man file/below").contains("writing manual pages to file/below"));
}

#[test]
fn shells_complete_commands_and_flags() {
    let place = Place::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = place.ok(&format!("completions {shell}"));
        for word in ["allocate", "what-if", "--strict-config", "strict-config"] {
            let is_there = script.contains(word) || word.starts_with("--") && shell == "fish";
            assert!(is_there, "{shell} does not know {word}");
        }
        place.write(&format!("script.{shell}"), &script);
        // Where the shell is installed, it has to read it.
        let file = place.path(&format!("script.{shell}"));
        if let Ok(read) = Program::new(shell).args([check, file.to_str().unwrap()]).try_output() {
            assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }
    assert!(place.fails(2, "completions csh").contains("possible values"));
}

#[test]
fn a_service_manager_is_told_when_a_server_is_ready_and_when_it_stops() {
    let place = Place::new();
    let socket = UnixDatagram::bind(place.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut said = [0; 256];
        let length = socket.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..length]).trim_end().to_owned()
    };
    let to = place.path("notify");
    let serve = ["--data", "d", "serve", "--listen", "127.0.0.1:0"];
    let server = Server::within(&place, &serve, &[("NOTIFY_SOCKET", to.to_str().unwrap())]);
    assert_eq!(next(), "READY=1");
    assert!(server.terminate().success());
    assert_eq!(next(), "STOPPING=1");
    // A manager that is gone keeps nothing from being served.
    drop(socket);
    let server = Server::within(&place, &serve, &[("NOTIFY_SOCKET", to.to_str().unwrap())]);
    let (status, said) = server.end();
    assert!(status.success() && said.contains("the service manager was not told"), "{said}");
}
