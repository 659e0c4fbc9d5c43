//! Bodies of those who are known, while they come. Whoever sends slowly has it put down on the disk, and not in memory; what
//! is whole comes into memory as far as there is room for all of them.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;

use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::streams::Held;

/// So much of a body is held in memory while it comes.
const NEAR: usize = 64 * 1024;
/// Large bodies of one caller that may be coming at once.
pub(crate) const OF_ONE: usize = 16;
/// Whole bodies that were put down may have so much memory together.
const ROOM: usize = 64 * 1024 * 1024;
const KIB: usize = 1024;

/// Room for whole bodies, in KiB; the largest always finds some.
pub(crate) fn room(largest: usize) -> usize {
    ROOM.max(largest).div_ceil(KIB)
}

/// A body of which some has come.
pub(crate) struct Arriving<'a> {
    desk: &'a Arc<Desk>,
    who: &'a str,
    near: BytesMut,
    far: Option<File>,
    length: usize,
    held: Option<Held>,
}

/// A body in memory, with its part of the room.
struct Whole {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a> Arriving<'a> {
    pub(crate) fn of(desk: &'a Arc<Desk>, who: &'a str) -> Self {
        Self { desk, who, near: BytesMut::new(), far: None, length: 0, held: None }
    }

    /// # Errors
    /// When the disk has no room for it, or too many large ones come at once.
    pub(crate) async fn takes(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.length += piece.len();
        if self.length > self.desk.settings.body_max && self.held.is_none() {
            self.held = Some(self.desk.arriving.open(self.who).map_err(|_| Refusal::Busy)?);
        }
        self.near.extend_from_slice(piece);
        if self.near.len() > NEAR {
            self.put_down().await?;
        }
        Ok(())
    }

    async fn put_down(&mut self) -> Result<(), Refusal> {
        let (far, near) = (self.far.take(), self.near.split().freeze());
        let far = self.desk.read(move |desk| {
            let put = || {
                let mut far = far.map_or_else(|| desk.house.scratch(), Ok)?;
                far.write_all(&near)?;
                Ok(far)
            };
            put().map_err(|error| not_put(&error))
        });
        self.far = Some(far.await?);
        Ok(())
    }

    /// All of it.
    ///
    /// # Errors
    /// When there was no room for it in time.
    pub(crate) async fn whole(self) -> Result<Bytes, Refusal> {
        let Self { desk, near, far, length, .. } = self;
        let Some(mut far) = far else { return Ok(near.freeze()) };
        let wanted = u32::try_from(length.div_ceil(KIB)).unwrap_or(u32::MAX);
        let room = desk.room.clone().acquire_many_owned(wanted);
        let room = tokio::time::timeout(desk.settings.body_timeout, room).await.map_err(|_| Refusal::Busy)?;
        let room = room.map_err(|_| Refusal::Stopping)?;
        let whole = desk.read(move |_| {
            let mut bytes = Vec::with_capacity(length);
            let read = far.rewind().and_then(|()| far.read_to_end(&mut bytes));
            read.map_err(|error| not_put(&error))?;
            bytes.extend_from_slice(&near);
            Ok(Whole { bytes, _room: room })
        });
        whole.await.map(Bytes::from_owner)
    }
}

fn not_put(error: &std::io::Error) -> Refusal {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return Refusal::DiskFull;
    }
    Refusal::bug("a body could not be put down", error)
}
