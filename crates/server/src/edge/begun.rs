//! The first bytes of a plain connection: they say whether its client speaks HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What a client of HTTP/2 begins with. No request of HTTP/1 does.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that were read to find out.
#[derive(Debug, Default)]
pub(super) struct Begun {
    bytes: Vec<u8>,
}

impl Begun {
    /// Reads as much as tells both apart, and no more than that.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub(super) async fn read<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<Self> {
        let mut begun = Self::default();
        while !begun.is_http_2() && PREFACE.starts_with(&begun.bytes) {
            let mut piece = [0; PREFACE.len()];
            let left = PREFACE.len() - begun.bytes.len();
            let read = socket.read(&mut piece[..left]).await?;
            if read == 0 {
                break;
            }
            begun.bytes.extend_from_slice(&piece[..read]);
        }
        Ok(begun)
    }

    /// Whether the client speaks HTTP/2.
    pub(super) fn is_http_2(&self) -> bool {
        self.bytes == PREFACE
    }

    /// The connection as if nothing had been read from it.
    pub(super) fn before<S>(self, socket: S) -> Whole<S> {
        Whole { begun: self.bytes, taken: 0, socket }
    }
}

/// A connection with what was read from it.
pub(super) struct Whole<S> {
    begun: Vec<u8>,
    taken: usize,
    socket: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Whole<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { begun, taken, socket } = &mut *self;
        let left = &begun[*taken..];
        if left.is_empty() {
            return Pin::new(socket).poll_read(cx, buffer);
        }
        let now = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..now]);
        *taken += now;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Whole<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read in pieces of a size: whether it is HTTP/2, and all bytes afterwards.
    async fn read(sent: &[u8], size: usize) -> (bool, Vec<u8>) {
        let (mut client, mut server) = tokio::io::duplex(size);
        let sent = sent.to_vec();
        let sending = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            client.write_all(&sent).await.unwrap();
        });
        let begun = Begun::read(&mut server).await.unwrap();
        let is_http_2 = begun.is_http_2();
        let mut all = Vec::new();
        begun.before(server).read_to_end(&mut all).await.unwrap();
        sending.await.unwrap();
        (is_http_2, all)
    }

    #[tokio::test]
    async fn nothing_is_lost_and_only_the_whole_preface_is_http_2() {
        let preface = [PREFACE.as_slice(), b"and more"].concat();
        for (sent, expected) in [
            (preface.as_slice(), true),
            (PREFACE, true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", false),
            (b"PRI * HTTP/1.1\r\n\r\n", false),
            (b"POST /v1/events HTTP/1.1\r\n\r\n", false),
            (b"P", false),
            (b"", false),
        ] {
            for size in [1, 2, 7, 24, 64] {
                let (is_http_2, all) = read(sent, size).await;
                let shown = String::from_utf8_lossy(sent);
                assert_eq!((is_http_2, all.as_slice()), (expected, sent), "{shown} in pieces of {size}");
            }
        }
    }
}
