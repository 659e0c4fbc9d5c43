//! The child process as the tests start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    yizhan_plugin_host::child_main()
}
