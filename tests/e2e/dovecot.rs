//! A real IMAP server in a folder of its own, on loopback, with one mailbox whose files can be looked at.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, getgid, getuid, kill_process};

use crate::house::{PATIENCE, has, until};

/// The only user, who is also the name of the mailbox in the settings.
pub(crate) const USER: &str = "orders";
pub(crate) const PASSWORD: &str = "open-sesame";
/// Who owns the mails where we are root: the server gives root no mail.
const NOBODY: u32 = 65_534;

pub(crate) struct Dovecot {
    server: Option<Child>,
    folder: tempfile::TempDir,
    /// Of this server alone, so that nobody takes its ports while it is down.
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

/// A mail as it lies in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lying {
    /// `S` is `\Seen`, small letters are keywords.
    pub(crate) flags: String,
    pub(crate) text: String,
}

impl Lying {
    pub(crate) fn is_seen(&self) -> bool {
        self.flags.contains('S')
    }

    /// The only keyword that anybody sets here is the daemon's.
    pub(crate) fn is_handled(&self) -> bool {
        self.flags.contains('a')
    }
}

/// A loopback address that no other server here has.
fn own_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    format!("127.{}.{}.{}", 1 + process / 250 % 250, 1 + process % 250, 1 + number % 250)
}

/// Two ports that are free.
fn free_ports(address: &str) -> (u16, u16) {
    let one = TcpListener::bind((address, 0)).unwrap();
    let other = TcpListener::bind((address, 0)).unwrap();
    (one.local_addr().unwrap().port(), other.local_addr().unwrap().port())
}

impl Dovecot {
    /// `None`: it is not installed, and that was said.
    pub(crate) fn start() -> Option<Self> {
        let version = Command::new(program()).arg("--version").output();
        let version =
            version.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        // Its settings are written otherwise from 2.4 on.
        if !has(version.starts_with("2.3."), "Dovecot 2.3 (apt-get install dovecot-imapd)") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("yizhan-imap-").tempdir().unwrap();
        for name in
            ["", "run", "mail", "mail/orders", "mail/orders/new", "mail/orders/cur", "mail/orders/tmp"]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            if getuid().is_root() && name.starts_with("mail") {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let address = own_address();
        let made = rcgen::generate_simple_self_signed(vec![address.clone()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let (port, tls_port) = free_ports(&address);
        let mut server = Self { server: None, folder, address, port, tls_port };
        server.again();
        Some(server)
    }

    fn settings(&self) -> String {
        let (root, port, tls_port) = (self.folder.path().display(), self.port, self.tls_port);
        let (uid, gid) =
            if getuid().is_root() { (NOBODY, NOBODY) } else { (getuid().as_raw(), getgid().as_raw()) };
        // Who is not root cannot change to other users nor lock anybody in.
        let own = if getuid().is_root() { "" } else { OWN };
        let name = std::env::var("USER").unwrap_or_else(|_| "nobody".to_owned());
        format!(
            "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/dovecot.log\nprotocols = imap\n\
             listen = {address}\nssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\n\
             disable_plaintext_auth = no\nmail_location = maildir:{root}/mail/%u\nfirst_valid_uid = 1\n\
             first_valid_gid = 1\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {port}\n  }}\n  inet_listener imaps {{\n    \
             port = {tls_port}\n    ssl = yes\n  }}\n  {chroot}\n}}\nservice stats {{\n  chroot =\n}}\n\
             passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={root}/run/%u\n}}\n{own}",
            chroot = if own.is_empty() { "" } else { "chroot =" },
            address = self.address,
            own = own.replace("NAME", &name),
        )
    }

    /// Starts it, the first time or after an end, and waits until it greets.
    pub(crate) fn again(&mut self) {
        let settings = self.folder.path().join("dovecot.conf");
        std::fs::write(&settings, self.settings()).unwrap();
        let log = std::fs::File::create(self.folder.path().join("out.log")).unwrap();
        let mut server = Command::new(program())
            .arg("-F")
            .arg("-c")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        until("the mail server to greet", || {
            assert!(server.try_wait().unwrap().is_none(), "the mail server ended: {}", self.log());
            let line = TcpStream::connect((self.address.as_str(), self.port)).ok()?;
            line.set_read_timeout(Some(PATIENCE)).ok()?;
            let mut greeting = String::new();
            BufReader::new(line).read_line(&mut greeting).ok()?;
            greeting.starts_with("* OK").then_some(())
        });
        self.server = Some(server);
    }

    /// Ends it with all its lines.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let pid = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        server.wait().unwrap();
    }

    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("out.log") + &read("dovecot.log")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// As a mail server puts a mail into a mailbox: whole, from one moment on.
    pub(crate) fn deliver(&self, mail: impl AsRef<[u8]>) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{}.M{}.test", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let home = self.folder.path().join("mail").join(USER);
        let making = home.join("tmp").join(&name);
        let mut file = std::fs::File::create(&making).unwrap();
        file.write_all(mail.as_ref()).unwrap();
        std::fs::set_permissions(&making, PermissionsExt::from_mode(0o644)).unwrap();
        if getuid().is_root() {
            chown(&making, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        std::fs::rename(&making, home.join("new").join(&name)).unwrap();
    }

    /// What lies in a folder; "" is the one that mails come into.
    pub(crate) fn lying(&self, folder: &str) -> Vec<Lying> {
        let name = if folder.is_empty() { String::new() } else { format!(".{folder}") };
        let home = self.folder.path().join("mail").join(USER).join(name);
        let mut found = Vec::new();
        for part in ["new", "cur"] {
            for file in std::fs::read_dir(home.join(part)).into_iter().flatten().flatten() {
                // It may be renamed under our eyes; the next look sees it.
                let Ok(bytes) = std::fs::read(file.path()) else { continue };
                let name = file.file_name().to_string_lossy().into_owned();
                let flags = name.split_once(":2,").map(|(_, flags)| flags.to_owned()).unwrap_or_default();
                found.push(Lying { flags, text: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
        found
    }
}

/// For who is not root.
const OWN: &str = "default_internal_user = NAME\ndefault_login_user = NAME\nservice anvil {\n  chroot =\n}\n";

fn program() -> &'static Path {
    let installed = Path::new("/usr/sbin/dovecot");
    if installed.exists() { installed } else { Path::new("dovecot") }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}
