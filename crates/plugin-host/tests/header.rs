//! `yz_plugin.h` says the same as the ABI in Rust: a C compiler prints what it sees.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use yizhan_plugin_api::abi;
use yizhan_plugin_api::abi::{YzBuf, YzBytes, YzHeader, YzHost, YzPlugin};

macro_rules! offsets {
    ($(($rust:ident, $c:literal: $($field:ident),*)),* $(,)?) => {
        vec![$(
            (format!("sizeof({})", $c), size_of::<$rust>() as i64),
            $((format!("offsetof({}, {})", $c, stringify!($field)), offset_of!($rust, $field) as i64),)*
        )*]
    };
}

macro_rules! numbers {
    ($($name:ident),* $(,)?) => { vec![$((stringify!($name).to_owned(), i64::try_from(abi::$name).unwrap())),*] };
}

fn expected() -> Vec<(String, i64)> {
    let mut all = offsets![
        (YzHeader, "yz_header": size, major, minor, features),
        (YzBytes, "yz_bytes": ptr, len),
        (YzBuf, "yz_buf": ptr, len, cap, free),
        (YzHost, "yz_host": hdr, ctx, complete, emit, request, is_cancelled),
        (YzPlugin, "yz_plugin": hdr, describe, create, start, cancel, quiesce, destroy),
    ];
    all.extend(numbers![
        YZ_ABI_MAJOR,
        YZ_ABI_MINOR,
        YZ_DOCUMENT_MAX,
        YZ_DONE,
        YZ_FAILED,
        YZ_CANCELLED,
        YZ_UNKNOWN_CALL,
        YZ_UNSUPPORTED,
        YZ_BAD_DOCUMENT,
        YZ_DENIED,
        YZ_TOO_LARGE,
        YZ_EMIT_LOG,
        YZ_EMIT_PROGRESS,
        YZ_EMIT_HEARTBEAT,
        YZ_EMIT_METRIC,
        YZ_EMIT_CHUNK,
        YZ_CANCEL_ASKED,
        YZ_CANCEL_TIMEOUT,
        YZ_CANCEL_SHUTDOWN,
    ]);
    all
}

#[test]
fn the_header_and_the_crate_agree_on_every_offset_and_number() {
    let expected = expected();
    let prints: String =
        expected.iter().map(|(what, _)| format!("    printf(\"%lld\\n\", (long long)({what}));\n")).collect();
    let program = format!(
        "#include <stdio.h>\n#include \"yz_plugin.h\"\n\nint main(void) {{\n{prints}    return 0;\n}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("offsets.c"), folder.path().join("offsets"));
    std::fs::write(&source, program).unwrap();
    compile("cc", "-std=c11", &source, &binary);
    let printed = Command::new(&binary).output().unwrap();
    let seen: Vec<i64> =
        String::from_utf8(printed.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    let seen: Vec<_> = expected.iter().map(|(what, _)| what.clone()).zip(seen).collect();
    assert_eq!(seen, expected);
}

fn compile(compiler: &str, standard: &str, source: &Path, binary: &Path) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let compiled = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(include)
        .arg(source)
        .arg("-o")
        .arg(binary)
        .status()
        .unwrap();
    assert!(compiled.success());
}
