//! The daemon as systemd sees it: what it is told, what it is handed, and how hard the unit is.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use yizhan_harness::daemon::Signal;

use crate::house::{House, binary, has, program, until};

/// What was said up to the line that is waited for.
fn heard(socket: &UnixDatagram, wanted: &str) -> String {
    let mut all = String::new();
    until(&format!("`{wanted}` to be said"), || {
        let mut bytes = [0; 4096];
        if let Ok(length) = socket.recv(&mut bytes) {
            all.push_str(&String::from_utf8_lossy(&bytes[..length]));
            all.push('\n');
        }
        all.lines().any(|line| line.starts_with(wanted)).then_some(())
    });
    all
}

#[test]
fn systemd_is_told_of_readiness_progress_reloads_and_the_stop() {
    let mut home = House::new();
    let socket = UnixDatagram::bind(home.file("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut command = program();
    command.env("NOTIFY_SOCKET", home.file("notify")).env("WATCHDOG_USEC", "900000");
    home.start_as(command);
    assert!(heard(&socket, "READY=1").contains("STATUS="));
    heard(&socket, "WATCHDOG=1");
    home.signal(Signal::HUP);
    let reload = heard(&socket, "RELOADING=1");
    assert!(reload.contains("MONOTONIC_USEC="), "{reload}");
    heard(&socket, "READY=1");
    assert_eq!(home.stop(), Some(0));
    heard(&socket, "STOPPING=1");
}

#[test]
fn a_socket_that_systemd_holds_is_served_and_calls_before_the_start_are_answered() {
    if !has(Path::new("/usr/bin/systemd-socket-activate").exists(), "systemd-socket-activate") {
        return;
    }
    let home = House::new();
    let socket = home.file("data/yizhan.sock");
    let mut command = Command::new("systemd-socket-activate");
    command.arg("-l").arg(&socket).arg(binary()).arg("serve").current_dir(&home.home);
    // It starts the daemon at the first call, which waits in the socket's queue meanwhile.
    let mut child = command.stderr(std::fs::File::create(home.file("serve.log")).unwrap()).spawn().unwrap();
    until("the socket", || socket.exists().then_some(()));
    let said = home.call(&["runs", "--json"]);
    // The daemon took the place of the program that started it.
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let status = until("it to end", || child.try_wait().unwrap());
    assert_eq!(said.code, 0, "{said:?} {}", home.log());
    assert!(ended.success() && status.code() == Some(0), "{status:?} {}", home.log());
}

#[test]
fn the_unit_is_hardened() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/yizhan.service");
    let judge = |threshold: &str| {
        let mut command = Command::new("systemd-analyze");
        command
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={threshold}"))
            .arg(&unit);
        command.output()
    };
    let judged = judge("15");
    if !has(judged.is_ok(), "systemd-analyze") {
        return;
    }
    let output = judged.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
