//! Watches a connection's bytes and answers, and reports what they say about it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use futures_util::future::BoxFuture;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connections::{Asked, Place};
use crate::metrics::Cut;

/// A socket that reports when bytes arrive and when the client reads them. Its place is taken as long as it is open,
/// whoever has it: after an upgrade nobody else looks whether it is to be closed.
pub(super) struct Watched {
    socket: TcpStream,
    place: Arc<Place>,
    cut: Option<BoxFuture<'static, Cut>>,
}

impl Watched {
    pub(super) const fn new(socket: TcpStream, place: Arc<Place>) -> Self {
        Self { socket, place, cut: None }
    }

    /// # Errors
    ///
    /// It was upgraded, and is to be closed.
    fn open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let connection = &self.place.connection;
        if !connection.is_upgraded() {
            return Ok(());
        }
        let cut = self.cut.get_or_insert_with(|| {
            let connection = Arc::clone(connection);
            Box::pin(async move { connection.to_be_cut().await })
        });
        if connection.is_cut() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        // Registers this task, to be woken when that changes.
        match cut.as_mut().poll(cx) {
            Poll::Ready(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.place.connection.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.open(cx)?;
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.place.connection.written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open(cx)?;
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.place.connection.written(written.is_ready());
        written
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

/// The body of an answer. When it is dropped, the connection has all of it.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) _asked: Asked,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
