//! What a form brings is typed by anybody: addresses, names of files and words of a mail that try to get somewhere else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::{Value, json};
use yizhan_harness::client::ClientError;

use crate::house::{House, is_over, step, until};

/// What each of a list of forms came to; none, where the form itself did not take it.
fn ends(house: &House, workflow: &str, inputs: &[Value]) -> Vec<Option<Value>> {
    let path = format!("/api/v1/workflows/{workflow}/runs");
    let begin = |input: &Value| match house.client().post(&path, &json!({ "input": input })) {
        Ok(started) => Some(started["id"].as_str().unwrap().to_owned()),
        Err(ClientError::Refused { status: 422, .. }) => None,
        Err(error) => panic!("{input}: {error}"),
    };
    let runs: Vec<Option<String>> = inputs.iter().map(begin).collect();
    let over = |run: &String| {
        until(&format!("the end of {run}"), || {
            let view = house.get(&format!("/api/v1/runs/{run}/wait?seconds=5"));
            is_over(&view).then_some(view)
        })
    };
    runs.iter().map(|run| run.as_ref().map(over)).collect()
}

/// An address in all the ways in which somebody may write it who does not want it to be seen.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let number = u32::from(address);
    let wide = |sign: char| char::from_u32(u32::from(sign) + 0xfee0).unwrap_or(sign);
    let digits =
        |text: &str| text.chars().map(|sign| if sign.is_ascii_digit() { wide(sign) } else { sign }).collect();
    let plain = address.to_string();
    let (high, low) = (number >> 16, number & 0xffff);
    let mut all = vec![
        plain.clone(),
        format!("{plain}."),
        number.to_string(),
        format!("0x{number:x}"),
        format!("0X{number:08X}"),
        format!("0{number:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("000{a:o}.{b}.0x{c:x}.{d}"),
        format!("{a}.{}", number & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("{a:#x}.{b}.0{low:o}"),
        plain.replace('.', "\u{3002}"),
        plain.replace('.', "\u{ff0e}"),
        plain.replace('.', "%2e"),
        plain.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        digits(&plain),
    ];
    let in_six = [
        format!("::ffff:{plain}"),
        format!("::ffff:{high:x}:{low:x}"),
        format!("0:0:0:0:0:ffff:{high:x}:{low:x}"),
        format!("::{plain}"),
        format!("64:ff9b::{plain}"),
        format!("64:ff9b::{high:x}:{low:x}"),
        format!("2002:{high:x}:{low:x}::"),
    ];
    all.extend(in_six.map(|host| format!("[{host}]")));
    all
}

fn hostile_addresses(port: u16) -> Vec<String> {
    let inside = [[127, 0, 0, 1], [127, 255, 255, 254], [0, 0, 0, 0], [10, 0, 0, 1], [169, 254, 169, 254]];
    let mut all: Vec<String> = vec![];
    for host in inside.into_iter().flat_map(|address| spellings(Ipv4Addr::from(address))) {
        all.push(format!("http://{host}:{port}/"));
        all.push(format!("HTTP://example.com:80@{host}:{port}/a?b#c"));
    }
    for host in
        ["localhost", "LOCALHOST.", "localhost.localdomain", "[::1]", "[::]", "[fe80::1]", "[fc00::1]"]
    {
        all.push(format!("http://{host}:{port}/"));
    }
    let written = [
        format!("http:127.0.0.1:{port}"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
        format!("http:///127.0.0.1:{port}/"),
        format!(" http://127.0.0.1:{port}/ "),
        format!("ht\ttp://127.0.\n0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://example.com%23@127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/_x".to_owned(),
        "unix:///run/x.sock".to_owned(),
        "http://[::1".to_owned(),
        "http://".to_owned(),
        String::from("http://a\u{0}b/"),
    ];
    all.extend(written);
    all
}

#[test]
fn no_address_of_a_form_leads_into_the_house_however_it_is_written() {
    let canary = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    // Where there is no IPv6, nothing can come that way.
    let beside = TcpListener::bind(("::1", port)).ok();
    let call = "title = \"通知\"\n[input]\nurl = { label = \"地址\", type = \"text\" }\n[step.call]\nuse = \"webhook.call\"\n\
                with.url = \"{{ input.url }}\"\nwith.json = { order = 7 }\nwith.timeout_s = 5\nretry = { times = 1 }\n";
    let house = House::serving("", "call", call);
    let inputs: Vec<Value> = hostile_addresses(port).into_iter().map(|url| json!({ "url": url })).collect();
    assert!(inputs.len() >= 200, "{}", inputs.len());
    for (input, view) in inputs.iter().zip(ends(&house, "call", &inputs)) {
        assert!(view.as_ref().is_none_or(|view| view["state"] == "failed"), "{input}: {view:#?}");
    }
    for listener in std::iter::once(canary).chain(beside) {
        listener.set_nonblocking(true).unwrap();
        let came = listener.accept().map(|(_, from)| from);
        assert_eq!(came.unwrap_err().kind(), ErrorKind::WouldBlock, "somebody was let in");
    }
    assert!(!house.log().contains("panicked"));
}

/// Names that lead out, are none, or look like others.
fn hostile_names() -> Vec<String> {
    let ways = ["", "./", "a/", "a/../", "files:", "files:a/", "./a/./", "客户/"];
    let names = [
        "..",
        "../..",
        "../../outside/x",
        "../../../../../../../../tmp/x",
        "..\\..\\x",
        "/etc/x",
        "//etc//x",
        "/proc/self/root/tmp/x",
        "C:\\x",
        "\\\\server\\x",
        "file:///tmp/x",
        "a\u{0}/../../x",
        "a\nb/../../../x",
        "a\rb",
        "a\u{7f}b",
        "\u{1b}[2Jx",
        "x\u{202e}gnp.exe",
        "\u{2066}x",
        ".x.yztmp",
        ".x.yzlog",
        "...",
        " ",
        "\u{3000}",
        "way/x",
        "way/../x",
        "長/../../../x",
    ];
    let of = |way: &str| names.map(|name| format!("{way}{name}"));
    ways.into_iter().flat_map(of).chain(["a/".repeat(3_000) + "x", "长".repeat(100)]).collect()
}

/// All that is in a folder and below, without following links.
fn below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
    }
    found
}

#[test]
fn no_name_of_a_form_leads_out_of_the_folder_of_files() {
    let put = "title = \"出界\"\n[input]\npath = { label = \"路径\", type = \"text\", max = 100000 }\n\
               [step.put]\nuse = \"file.write\"\nwith.path = \"{{ input.path }}\"\nwith.text = \"hostile\"\n";
    let house = House::serving("", "put", put);
    let outside = house.home.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, house.home.join("data/files/way")).unwrap();
    std::os::unix::fs::symlink("/", house.home.join("data/files/root")).unwrap();
    let inputs: Vec<Value> = hostile_names().into_iter().map(|path| json!({ "path": path })).collect();
    assert!(inputs.len() >= 200, "{}", inputs.len());
    let ends = ends(&house, "put", &inputs);
    let refused =
        ends.iter().filter(|view| view.as_ref().is_none_or(|view| view["state"] == "failed")).count();
    assert!(refused >= 150, "only {refused} were refused");
    // The home stands in a folder of its own.
    let files = house.home.join("data/files");
    let holds = |path: &std::path::PathBuf| std::fs::read(path).is_ok_and(|bytes| bytes == b"hostile");
    let out: Vec<_> = below(house.home.parent().unwrap())
        .into_iter()
        .filter(|path| path.is_file() && !path.starts_with(&files) && holds(path))
        .collect();
    // What is kept of a run's values is no file of that name.
    assert!(out.is_empty(), "{out:?}");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    for written in ["/etc/x", "/tmp/x"] {
        assert!(!holds(&written.into()), "{written}");
    }
}

#[test]
fn no_word_of_a_form_becomes_a_header_or_a_reader_of_a_mail() {
    let letter = "title = \"寄信\"\n[input]\nto = { label = \"收件\", type = \"text\", required = false }\n\
                  subject = { label = \"标题\", type = \"text\", required = false }\ntext = { label = \"正文\", type = \"text\", required = false }\n\
                  name = { label = \"附件\", type = \"text\", required = false }\nmore = { label = \"头\", type = \"text\", required = false }\n\
                  [step.send]\nuse = \"email.send\"\nwith.to = \"{{ input.to or 'li@example.com' }}\"\nwith.subject = \"{{ input.subject or 'a' }}\"\n\
                  with.text = \"{{ input.text or 'b' }}\"\nwith.headers = { X-Case = \"{{ input.more or 'c' }}\" }\n\
                  with.attachments = [{ text = \"x\", name = \"{{ input.name or 'x.txt' }}\" }]\n";
    let house = House::serving("", "letter", letter);
    let breaks = [
        "\r\n", "\n", "\r", "\r\n ", "\n\t", "\u{0}", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "%0d%0a",
        "=0D=0A", "\\r\\n",
    ];
    let tails =
        ["Bcc: evil@example.net", "\r\n\r\n.\r\nMAIL FROM:<evil@example.net>", "Content-Type: text/html"];
    let fields = ["to", "subject", "text", "name", "more"];
    let mut inputs = vec![];
    for (ends, tail) in breaks.iter().flat_map(|ends| tails.map(|tail| (ends, tail))) {
        for field in fields {
            let own = if field == "to" { "li@example.com" } else { "x" };
            inputs.push(json!({ field: format!("{own}{ends}{tail}") }));
        }
    }
    for (input, view) in inputs.iter().zip(ends(&house, "letter", &inputs)) {
        if let Some(view) = view.filter(|view| view["state"] == "done") {
            let sent = &step(&view, "send")["items"][0]["output"];
            assert_eq!(sent["recipients"], json!(["li@example.com"]), "{input}: {sent}");
        }
    }
    let mails: Vec<_> =
        below(&house.home.join("data/mail")).into_iter().filter(|path| path.is_file()).collect();
    assert!(!mails.is_empty(), "what is only text goes out as text");
    for path in mails {
        let mail = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let head = mail.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split(':').next())
            .collect();
        assert!(!names.contains(&"bcc") && !head.contains("mail from"), "{}:\n{head}", path.display());
        assert_eq!(names.iter().filter(|name| **name == "content-type").count(), 1, "{head}");
        assert!(!mail.contains('\u{0}'), "{}", path.display());
    }
}

/// A request as somebody writes it who means harm: the status, the head and the body of the answer.
fn raw(house: &House, path: &str, headers: &[&str], body: &[u8]) -> (u16, String, String) {
    let mut line = UnixStream::connect(house.file("data/yizhan.sock")).unwrap();
    let method = if headers.is_empty() { "GET" } else { "POST" };
    write!(line, "{method} {path} HTTP/1.1\r\nhost: yizhan\r\nconnection: close\r\n").unwrap();
    for header in headers {
        write!(line, "{header}\r\n").unwrap();
    }
    write!(line, "content-length: {}\r\n\r\n", body.len()).unwrap();
    // Who refuses early need not read the rest.
    drop(line.write_all(body));
    let mut answer = vec![];
    drop(line.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

/// A form of a page with one file.
fn with_file(
    house: &House,
    path: &str,
    (name, media): (&str, &str),
    content: &[u8],
) -> (u16, String, String) {
    let head = format!(
        "--yz\r\nContent-Disposition: form-data; name=\"f.paper\"; filename=\"{name}\"\r\nContent-Type: {media}\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--yz--\r\n"].concat();
    let headers = ["content-type: multipart/form-data; boundary=yz", "sec-fetch-site: same-origin"];
    raw(house, path, &headers, &body)
}

const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\n";

const CLAIM: &str = "title = \"报销\"\n[input]\n\
                     paper = { label = \"材料\", type = \"file\", kinds = [\"pdf\", \"html\", \"passwd\", \"x\"], size = \"1MB\" }\n\
                     [step.look]\nask = \"person:li.na\"\ndue = \"24h\"\nform.words = { label = \"意见\", type = \"text\" }\n";

/// A house with this form.
fn claims() -> House {
    let mut house = House::with("[http]\nupload_max = 2000000\n");
    house.write("config/people.toml", PEOPLE);
    house.workflow("claim", CLAIM);
    house.start();
    house
}

#[test]
fn no_file_of_a_form_leads_out_of_the_house_or_becomes_a_page_of_it() {
    let house = claims();
    let content = b"<html><script>hostile()</script></html>";
    let breaks =
        ["\r\nX-Evil: 1", "\u{0}.pdf", "\"; filename=\"../../x.pdf", "%2e%2e%2fx.pdf", "x.pdf;.html"];
    let names = hostile_names().into_iter().map(|name| format!("{name}.pdf"));
    let names: Vec<String> = names.chain(breaks.map(str::to_owned)).chain(["x".repeat(100_000)]).collect();
    let mut taken = 0;
    for name in &names {
        let (status, head, page) = with_file(&house, "/new/claim", (name, "text/html"), content);
        assert!(status == 303 || (400..500).contains(&status), "{name:?}: {status} {page}");
        assert!(!head.contains("x-evil"), "{head}");
        taken += usize::from(status == 303);
    }
    assert!(taken >= 100, "only {taken} were taken");
    let plain = |sign: char| !sign.is_control() && !['/', '\\'].contains(&sign);
    let mut cursor = String::new();
    let mut seen = 0;
    loop {
        let page = house.get(&format!("/api/v1/runs?limit=500{cursor}"));
        for row in page["items"].as_array().unwrap() {
            let paper =
                &house.get(&format!("/api/v1/runs/{}", row["id"].as_str().unwrap()))["input"]["paper"];
            let name = paper["name"].as_str().unwrap();
            assert!(name.chars().all(plain) && name.chars().count() <= 200, "{paper}");
            assert_eq!(paper["size"], content.len(), "{paper}");
            seen += 1;
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, taken);
    // All of it is one file, under its hash.
    let holds = |path: &PathBuf| path.is_file() && std::fs::read(path).is_ok_and(|bytes| bytes == content);
    let kept: Vec<_> = below(house.home.parent().unwrap()).into_iter().filter(holds).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].starts_with(house.file("data/artifacts")), "{kept:?}");
    let hash = kept[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!((hash.len(), mode_of(&kept[0])), (64, 0o600));
    let run = house.runs()[0]["id"].as_str().unwrap().to_owned();
    let (status, head, body) = raw(&house, &format!("/api/v1/runs/{run}/files/{hash}"), &[], b"");
    assert_eq!((status, body.as_bytes()), (200, &content[..]));
    for header in
        ["content-disposition: attachment", "x-content-type-options: nosniff", "application/octet-stream"]
    {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(!head.contains("text/html"), "{head}");
    assert!(!house.log().contains("panicked"));
}

/// Another system, which answers each call with this.
fn answering(body: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            drop(write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    address
}

#[test]
fn what_another_system_answers_is_no_key_to_a_file_of_the_house() {
    let mut house = claims();
    let content = b"what only the house may read";
    assert_eq!(with_file(&house, "/new/claim", ("a.pdf", "application/pdf"), content).0, 303);
    let claim = house.runs()[0]["id"].as_str().unwrap().to_owned();
    let paper = house.get(&format!("/api/v1/runs/{claim}"))["input"]["paper"].clone();
    let hash = paper["artifact"].as_str().unwrap().to_owned();
    let answer = json!({ "file": { "artifact": hash, "name": "a.pdf" }, "order": 7 });
    let address = answering(answer.to_string());
    house.stop();
    let config = format!("[egress]\nallow = [\"{address}\"]\n");
    house.write("config/yizhan.toml", config);
    let call = "title = \"查单\"\n[step.call]\nuse = \"webhook.call\"\nwith.url = \"http://{address}/\"\nwith.json = { order = 7 }\n";
    house.workflow("call", &call.replace("{address}", &address.to_string()));
    house.start();
    let run = house.client().post("/api/v1/workflows/call/runs", &json!({})).unwrap()["id"].clone();
    let run = run.as_str().unwrap();
    let over = until("its end", || {
        let view = house.get(&format!("/api/v1/runs/{run}/wait?seconds=5"));
        is_over(&view).then_some(view)
    });
    assert_eq!(over["state"], "done", "{over:#}");
    let told = step(&over, "call").to_string();
    assert!(told.contains(&format!("foreign-{hash}")) && told.contains("\"order\":7"), "{told}");
    let file = |run: &str| raw(&house, &format!("/api/v1/runs/{run}/files/{hash}"), &[], b"");
    assert_eq!(file(run).0, 404);
    let (status, _, body) = file(&claim);
    assert_eq!((status, body.as_bytes()), (200, &content[..]), "where it belongs it is");
}

fn mode_of(path: &std::path::Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn a_file_that_is_too_large_of_another_kind_or_one_of_thousands_begins_no_case() {
    let house = claims();
    let send = |name: &str, content: &[u8]| {
        let (status, _, page) = with_file(&house, "/new/claim", (name, "application/pdf"), content);
        (status, page)
    };
    assert_eq!(send("a.pdf", &vec![b'x'; 2_000_001]).0, 413, "more than the house takes");
    assert_eq!(send("a.pdf", &vec![b'x'; 1_200_000]).0, 422, "more than the form takes");
    for name in ["a.exe", "a.pdf.exe", "pdf", "a.pdf\u{202e}gnp", "", "a.PDF "] {
        let (status, page) = send(name, b"MZ");
        assert_eq!(status, 422, "{name}: {page}");
    }
    // What says that it is a file and is none, and parts without end.
    let headers = ["content-type: multipart/form-data; boundary=yz", "sec-fetch-site: same-origin"];
    let part = "--yz\r\nContent-Disposition: form-data; name=\"f.paper\"; filename=\"a.pdf\"\r\n\r\nx\r\n";
    for body in
        [part.repeat(200), "--yz\r\n".repeat(1_000), part.replace("--yz", "--zy"), "--yz--".to_owned()]
    {
        let (status, _, page) = raw(&house, "/new/claim", &headers, body.as_bytes());
        assert!((400..500).contains(&status), "{status}: {page}");
    }
    // Nor does a word in the place of a file become one.
    let hash = "0".repeat(64);
    for words in [
        format!("f.paper={hash}"),
        format!("f.paper.artifact={hash}&f.paper.name=a.pdf"),
        "f.paper=%2Fetc%2Fpasswd".to_owned(),
    ] {
        let headers = ["content-type: application/x-www-form-urlencoded", "sec-fetch-site: same-origin"];
        assert_eq!(raw(&house, "/new/claim", &headers, words.as_bytes()).0, 422, "{words}");
    }
    house.write("data/files/a.pdf", "what others wrote");
    for named in [
        json!("/etc/passwd"),
        json!("a.pdf"),
        json!({ "path": "a.pdf" }),
        json!({ "path": "a.pdf", "name": "a.pdf" }),
        json!({ "artifact": "../../etc/passwd", "name": "a.pdf" }),
    ] {
        let path = "/api/v1/workflows/claim/runs";
        let refused = house.client().post(path, &json!({ "input": { "paper": named } }));
        assert!(
            matches!(refused, Err(ClientError::Refused { status: 404 | 422, .. })),
            "{named}: {refused:?}"
        );
    }
    assert_eq!(house.runs().len(), 0);
    assert!(!house.log().contains("panicked"));
}

/// The same words as answers to a task.
fn answered(house: &House, workflow: &str, answers: &[Value]) -> Vec<Value> {
    let runs: Vec<String> = answers.iter().map(|_| house.run(workflow, &json!({}))).collect();
    let mut taken = vec![];
    for (run, fields) in runs.iter().zip(answers) {
        let task = house.task(run);
        let path = format!("/api/v1/tasks/{}/answer", task["id"].as_str().unwrap());
        match house.client().post(&path, &json!({ "by": "li.na", "fields": fields })) {
            Ok(_) => taken.push(run),
            Err(ClientError::Refused { status: 422, .. }) => {}
            Err(error) => panic!("{fields}: {error}"),
        }
    }
    let over = |run: &&String| {
        until(&format!("the end of {run}"), || {
            let view = house.get(&format!("/api/v1/runs/{run}/wait?seconds=5"));
            is_over(&view).then_some(view)
        })
    };
    taken.iter().map(over).collect()
}

#[test]
fn no_answer_to_a_task_leads_into_the_house_out_of_its_folders_or_into_the_head_of_a_mail() {
    let canary = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    let asks = |field: &str, step: &str| {
        format!(
            "title = \"问\"\n[step.ask]\nask = \"person:li.na\"\ndue = \"24h\"\n\
                 form.{field} = {{ label = \"答\", type = \"text\", max = 100000 }}\n[step.act]\nneeds = [\"ask\"]\nretry = {{ times = 1 }}\n{step}"
        )
    };
    let call = "use = \"webhook.call\"\nwith.url = \"{{ step.ask.url }}\"\nwith.json = { order = 7 }\nwith.timeout_s = 5\n";
    let mut house = House::with("");
    house.write("config/people.toml", PEOPLE);
    house.workflow("call", &asks("url", call));
    let put = "use = \"file.write\"\nwith.path = \"{{ step.ask.path }}\"\nwith.text = \"hostile\"\n";
    house.workflow("put", &asks("path", put));
    let letter = "use = \"email.send\"\nwith.to = \"li@example.com\"\nwith.subject = \"{{ step.ask.words }}\"\nwith.text = \"x\"\n";
    house.workflow("letter", &asks("words", letter));
    house.start();
    let addresses: Vec<Value> =
        hostile_addresses(port).into_iter().map(|url| json!({ "url": url })).collect();
    for view in answered(&house, "call", &addresses) {
        assert_eq!(view["state"], "failed", "{view:#}");
    }
    canary.set_nonblocking(true).unwrap();
    assert_eq!(canary.accept().map(|(_, from)| from).unwrap_err().kind(), ErrorKind::WouldBlock);
    let names: Vec<Value> = hostile_names().into_iter().map(|path| json!({ "path": path })).collect();
    let ends = answered(&house, "put", &names);
    assert!(ends.iter().filter(|view| view["state"] == "failed").count() >= 100, "most of them lead out");
    let files = house.home.join("data/files");
    let holds = |path: &PathBuf| path.is_file() && std::fs::read(path).is_ok_and(|bytes| bytes == b"hostile");
    let out: Vec<_> = below(house.home.parent().unwrap()).into_iter().filter(holds).collect();
    assert!(out.iter().all(|path| path.starts_with(&files)), "{out:?}");
    let breaks = ["\r\n", "\n", "\r", "\r\n ", "\u{0}", "\u{85}", "\u{2028}", "%0d%0a"];
    let words: Vec<Value> =
        breaks.map(|ends| json!({ "words": format!("x{ends}Bcc: evil@example.net") })).into();
    answered(&house, "letter", &words);
    for path in below(&house.home.join("data/mail")).into_iter().filter(|path| path.is_file()) {
        let mail = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let head = mail.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
        assert!(!head.lines().any(|line| line.starts_with("bcc")), "{}:\n{head}", path.display());
    }
    assert!(!house.log().contains("panicked"));
}
