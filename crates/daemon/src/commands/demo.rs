//! `yizhan demo`: shows one real case of each shipped process on a daemon of its own, and then leaves it to the reader.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Context;
use crate::client::Client;
use crate::demo::{Clerk, Place, Receiver, cases};
use crate::exit::{Exit, Failure};
use crate::home::Home;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan demo\n  yizhan demo --once      # ends after the cases; exit code 0 if all came out as the scripts expect"
)]
pub(crate) struct Args {
    /// End when the cases are over, instead of staying up
    #[arg(long)]
    once: bool,
}

/// Longer than a slow machine needs.
const READY: Duration = Duration::from_secs(60);

/// The daemon of the demo: this very program. Dropped, it is told to end.
struct Daemon(Child);

impl Daemon {
    fn start(home: &Path) -> Result<Self, Failure> {
        let log = std::fs::File::create(home.join("serve.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["serve".as_ref(), "--home".as_ref(), home.as_os_str()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self(child))
    }

    fn wait_ready(&mut self, home: &Path) -> Result<Client, Failure> {
        let end = Instant::now() + READY;
        loop {
            let client = Client::of(&Home::in_folder(home))?;
            if client.get("/health/ready").send().is_ok() {
                return Ok(client);
            }
            let ended = self.0.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let log = std::fs::read_to_string(home.join("serve.log")).unwrap_or_default();
                let failure = Failure::new(Exit::Failed, "YZ0543", "the demo's daemon did not become ready");
                return Err(failure.help(format!("its log:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20)); // Between two looks at a state, with a deadline.
        }
    }

    fn stop(&mut self) {
        if let Ok(None) = self.0.try_wait()
            && let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            // It may have ended between the look and the signal.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap_or_default();
            drop(self.0.wait());
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // From here on Ctrl-C is ours: the daemon gets it too, and the home is taken away behind it.
    let mut stopped = runtime.block_on(async { signals() })?;
    let receiver = Receiver::start()?;
    let place = Place::make(&receiver)?;
    let home = place.home();
    let mut daemon = Daemon::start(&home)?;
    let client = daemon.wait_ready(&home)?;
    let wrong = match show(context, &place, &receiver, &client) {
        // Ctrl-C in the middle: the daemon has gone, and that is what was asked for.
        Err(_) if stopped.try_recv().is_ok() => return Ok(Exit::Ok),
        shown => shown?,
    };
    for difference in &wrong {
        context.say(&format!("! {difference}"));
    }
    if !args.once {
        context.say(&next(context, &home, &client)?);
        runtime.block_on(stopped).ok();
        context.say(
            context.language.pick("\n演示结束,目录已删除。", "\nThe demo has ended and its folder is gone."),
        );
    }
    daemon.stop();
    Ok(if wrong.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// Answers at the first SIGINT or SIGTERM.
fn signals() -> std::io::Result<tokio::sync::oneshot::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (tell, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tell.send(()).unwrap_or_default();
    });
    Ok(told)
}

fn show(
    context: &Context,
    place: &Place,
    receiver: &Receiver,
    client: &Client,
) -> Result<Vec<String>, Failure> {
    let home = place.home();
    let clerk =
        Clerk { client, receiver, home: &home, language: context.language, say: &|line| context.say(line) };
    context.say(&context.language.pick(
        format!("演示目录 {}\n四个流程各办一件真实的事,由一位照稿办事的职员答复待办。", home.display()),
        format!("The demo's home is {}\nOne real case of each of four processes; a scripted clerk answers the tasks.", home.display()),
    ));
    let mut wrong = vec![];
    for case in cases().map_err(|why| Failure::new(Exit::Failed, "YZ0541", why))? {
        place.set_up(&case)?;
        context.say(&format!("\n{}\n  {}", case.workflow, case.note));
        wrong.extend(clerk.carry(&case)?);
    }
    Ok(wrong)
}

/// For a shell that would not find this program by its name.
fn path_to_us() -> String {
    let own = std::env::current_exe().ok();
    let Some(folder) = own.as_deref().and_then(Path::parent) else { return String::new() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|one| one == folder);
    if found { String::new() } else { format!("  export PATH={}:$PATH\n", folder.display()) }
}

/// Who a reader may be in the browser, and what they are for.
const GUESTS: [(&str, &str, &str); 3] = [
    ("li.na", "李娜:热线,接电话、回访", "Li Na (李娜) answers the phone and calls back"),
    ("wang.wei", "王伟:城南供水分公司,上门处理", "Wang Wei (王伟) goes out and repairs, in the south (城南)"),
    (
        "zhou.jian",
        "周健:总经理,看全部办件、流程和系统",
        "Zhou Jian (周健), the head, sees all cases, the workflows and the system",
    ),
];

/// Links under which somebody comes in from a browser, each for one of the house.
fn doors(context: &Context, client: &Client) -> Result<String, Failure> {
    let mut lines = String::new();
    for (id, zh, en) in GUESTS {
        let made =
            client.post(format!("/api/v1/accounts/{id}/invite")).json(&serde_json::json!({})).send()?;
        let link = made["link"].as_str().unwrap_or_default();
        lines.push_str(&format!("\n  {}\n    {link}\n", context.language.pick(zh, en)));
    }
    Ok(lines)
}

fn next(context: &Context, home: &Path, client: &Client) -> Result<String, Failure> {
    let doors = doors(context, client)?;
    let (home, path) = (home.display(), path_to_us());
    Ok(context.language.pick(
        format!("\n守护进程仍在运行,Ctrl-C 结束。\n\n在浏览器里办一件故障,从接电话到回访。点开一个链接,设一个密码,就以这个人的身份进来了(链接只能用一次,以后用姓名和密码登录):\n{doors}\n  1. 李娜:“新建”里选“故障派工”,区域选“城南”,提交。\n  2. 退出,打开王伟的链接:“我的待办”里办“处理:…”。\n  3. 退出,用“李娜”和她的密码登录:办“24小时内回访…”,这件事就办完了。\n\n另开一个终端也可以试试:\n  export YIZHAN_HOME={home}\n{path}  yizhan runs                       # 办过的事\n  yizhan show RUN                   # 每一步、每次尝试\n  yizhan run hello --set name=李娜 --wait\n  yizhan check                      # 改一改 workflows/ 里的文件再看\n  ls $YIZHAN_HOME/data/mail $YIZHAN_HOME/data/files"),
        format!("\nThe daemon stays up; Ctrl-C ends it.\n\nIn a browser, carry a fault from the call to the callback. Open a link and choose a password, and you are in as that person (a link is good once; later sign in by name and password):\n{doors}\n  1. Li Na: “New case”, “故障派工”, area “城南”; send it.\n  2. Sign out; open Wang Wei's link: in “My tasks” answer “处理:…”.\n  3. Sign out; sign in as 李娜: answer “24小时内回访…”, and the case is over.\n\nIn another terminal try:\n  export YIZHAN_HOME={home}\n{path}  yizhan runs                       # what was done\n  yizhan show RUN                   # every step, every attempt\n  yizhan run hello --set name=Li --wait\n  yizhan check                      # after changing a file in workflows/\n  ls $YIZHAN_HOME/data/mail $YIZHAN_HOME/data/files"),
    ))
}
