//! An anchor behind HTTP: checkpoints are posted to an endpoint elsewhere, such as a witness or a team's own log of logs.
//!
//! `POST URL` with the signed note as `text/plain`; any 2xx within the deadline says that it is kept. An endpoint must take the same note twice: an
//! answer that was lost is asked for again.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::audit::Anchor;
use crate::config::AuditAnchor;
use crate::secret::Sensitive;
use crate::upstream::UpstreamError;
use crate::upstream::client::{Pool, Tls};

/// LIMIT: bytes of an answer that are read, so that its connection can be kept; nothing is looked for in it.
const MAX_ANSWER: usize = 64 << 10;

/// One endpoint.
pub(super) struct HttpAnchor {
    url: String,
    authority: String,
    credential: Option<Sensitive<String>>,
    deadline: Duration,
    patience: Option<Duration>,
    pool: Pool,
    reactor: Handle,
}

impl HttpAnchor {
    /// The endpoint of these settings. Its thread is on no reactor, so it borrows this one.
    pub(super) fn new(settings: &AuditAnchor, reactor: Handle) -> Result<Self, UpstreamError> {
        let tls = Tls::new(settings.ca.as_deref())?;
        Ok(Self {
            url: settings.url.to_string(),
            authority: settings.url.authority(),
            credential: settings.credential.as_ref().map(|credential| credential.value.clone()),
            deadline: settings.deadline,
            patience: settings.refuse.then_some(settings.patience),
            pool: Pool::new(settings.deadline, false, &tls),
            reactor,
        })
    }

    async fn post(&self, note: &str) -> io::Result<()> {
        let mut request =
            Request::post(&self.url).header(HOST, &self.authority).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(credential) = &self.credential {
            request = request.header(AUTHORIZATION, format!("Bearer {}", credential.expose()));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(note.as_bytes()))).map_err(io::Error::other)?;
        let answer: Response<Incoming> =
            self.pool.request(request).await.map_err(|refusal| io::Error::other(refusal.code.row().0))?;
        let status = answer.status();
        // Read to its end, or the connection cannot be used again; what it says is nothing to us.
        let _ = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        if status.is_success() { Ok(()) } else { Err(io::Error::other(format!("status {}", status.as_u16()))) }
    }
}

impl Anchor for HttpAnchor {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn keep(&mut self, note: &str) -> io::Result<()> {
        let within = async { tokio::time::timeout(self.deadline, self.post(note)).await };
        self.reactor.block_on(within).map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::config::{BaseUrl, Scheme};

    /// What was sent, and the connections that got no answer.
    type Served = (Vec<String>, Vec<TcpStream>);

    /// Answers one connection after the other with these texts (empty: not at all) and gives what it was sent.
    fn endpoint(answers: &'static [&'static str]) -> (u16, std::thread::JoinHandle<Served>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move || {
            let mut open = Vec::new();
            let one = |answer: &&str| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"a note\n") {
                    let mut piece = [0; 1024];
                    let read = stream.read(&mut piece).unwrap();
                    bytes.extend_from_slice(&piece[..read]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                // One that does not answer keeps its caller waiting.
                open.extend(answer.is_empty().then_some(stream));
                String::from_utf8(bytes).unwrap()
            };
            (answers.iter().map(one).collect(), open)
        };
        (port, std::thread::spawn(serve))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_note_is_posted_and_only_a_2xx_in_time_keeps_it() {
        const KEPT: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        const FULL: &str = "HTTP/1.1 507 Insufficient Storage\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let (port, served) = endpoint(&[KEPT, FULL, ""]);
        let url = BaseUrl { scheme: Scheme::Http, host: "127.0.0.1".to_owned(), port, path: "/notes".to_owned() };
        let settings = AuditAnchor {
            url,
            ca: None,
            credential: None,
            deadline: Duration::from_millis(500),
            refuse: true,
            patience: Duration::from_secs(9),
        };
        let mut anchor = HttpAnchor::new(&settings, Handle::current()).unwrap();
        assert_eq!(anchor.patience(), Some(Duration::from_secs(9)));
        let kept = std::thread::spawn(move || {
            [(); 3].map(|()| anchor.keep("a note\n").map_err(|error| (error.kind(), error.to_string())))
        });
        // Not joined on the reactor's own thread: it is what they run on.
        let [first, second, third] = std::thread::spawn(move || kept.join().unwrap()).join().unwrap();
        assert_eq!(first, Ok(()));
        assert_eq!(second, Err((io::ErrorKind::Other, "status 507".to_owned())));
        assert_eq!(third.unwrap_err().0, io::ErrorKind::TimedOut);
        for request in served.join().unwrap().0 {
            assert!(request.starts_with("POST /notes HTTP/1.1\r\n") && request.contains("text/plain"), "{request}");
        }
    }
}
