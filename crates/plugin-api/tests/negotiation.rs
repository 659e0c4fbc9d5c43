//! What one side makes of the other side's table, whichever was built first.

#![expect(unsafe_code, reason = "builds tables as another version would")]

use std::ffi::c_void;
use std::ptr;

use yizhan_plugin_api::abi::{
    Misfit, YZ_DONE, YZ_UNSUPPORTED, YzBuf, YzBytes, YzHeader, YzHost, YzPlugin, adopt, adopt_host,
};

unsafe extern "C" fn create(_: *const YzHost, _: YzBytes, _: *mut *mut c_void, _: *mut YzBuf) -> i32 {
    YZ_DONE
}

unsafe extern "C" fn start(_: *mut c_void, _: u64, _: YzBytes, _: YzBytes, _: YzBytes) -> i32 {
    YZ_UNSUPPORTED
}

unsafe extern "C" fn quiesce(_: *mut c_void, _: u64) {}

unsafe extern "C" fn destroy(_: *mut c_void) {}

unsafe extern "C" fn complete(_: *mut c_void, _: u64, _: i32, _: YzBuf) -> i32 {
    YZ_DONE
}

fn table() -> YzPlugin {
    YzPlugin {
        hdr: YzHeader::of::<YzPlugin>(),
        describe: None,
        create: Some(create),
        start: Some(start),
        cancel: None,
        quiesce: Some(quiesce),
        destroy: Some(destroy),
    }
}

fn taken(table: &YzPlugin) -> Result<YzPlugin, Misfit> {
    // SAFETY: the size in the header is at most that of the table, unless a test lies, and then nothing is read.
    unsafe { adopt(table) }
}

#[test]
fn a_table_of_our_own_size_is_taken_whole() {
    let taken = taken(&table()).unwrap();
    assert!(taken.quiesce.is_some() && taken.cancel.is_none() && taken.describe.is_none());
}

#[test]
fn a_newer_plugin_with_a_larger_table_is_taken_as_far_as_we_know_it() {
    #[repr(C)]
    struct Newer {
        known: YzPlugin,
        more: [usize; 8],
    }
    let mut newer = Newer { known: table(), more: [usize::MAX; 8] };
    newer.known.hdr.size = u32::try_from(size_of::<Newer>()).unwrap();
    newer.known.hdr.minor = 9;
    newer.known.hdr.features = u64::MAX;
    // SAFETY: the table is as large as its header says.
    let taken = unsafe { adopt((&raw const newer).cast()) }.unwrap();
    assert!(taken.start.is_some() && taken.destroy.is_some());
}

#[test]
fn an_older_table_lacks_what_came_later_and_nothing_is_read_behind_its_end() {
    // Only the header and the host's context and `complete`, as a first host would have had.
    #[repr(C)]
    struct Older {
        hdr: YzHeader,
        ctx: *mut c_void,
        complete: Option<unsafe extern "C" fn(*mut c_void, u64, i32, YzBuf) -> i32>,
    }
    let older = Older { hdr: YzHeader::of::<Older>(), ctx: ptr::null_mut(), complete: Some(complete) };
    // SAFETY: the table is as large as its header says.
    let taken = unsafe { adopt_host((&raw const older).cast()) }.unwrap();
    assert!(taken.complete.is_some());
    assert!(taken.emit.is_none() && taken.request.is_none() && taken.is_cancelled.is_none());
}

#[test]
fn what_does_not_fit_is_named() {
    let mut other = table();
    other.hdr.major = 2;
    assert_eq!(taken(&other).unwrap_err(), Misfit::Major { theirs: 2 });
    let mut tiny = table();
    tiny.hdr.size = 15;
    assert_eq!(taken(&tiny).unwrap_err(), Misfit::Size { theirs: 15 });
    let mut giant = table();
    giant.hdr.size = u32::MAX;
    assert_eq!(taken(&giant).unwrap_err(), Misfit::Size { theirs: u32::MAX });
    let mut header_alone = table();
    header_alone.hdr.size = 16;
    assert_eq!(taken(&header_alone).unwrap_err(), Misfit::Missing { function: "create" });
    let mut lacking = table();
    lacking.start = None;
    assert_eq!(taken(&lacking).unwrap_err(), Misfit::Missing { function: "start" });
    // SAFETY: null is what is asked about.
    assert_eq!(unsafe { adopt(ptr::null()) }.unwrap_err(), Misfit::Null);
}
