//! The store of rulesets: versions in folders of their own, and two links, to the one in force and to the candidate.
//!
//! ```text
//! STORE/versions/HASH/*.toml   never changed once it is there
//! STORE/live      → versions/HASH
//! STORE/candidate → versions/HASH
//! STORE/history.jsonl          what was done, when, and why
//! ```
//!
//! INVARIANT: a version is complete before a link leads to it, and a link is replaced at once (rename), so a sidecar that looks at any
//! moment, or a machine that fails, sees the old version or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::config::settings::{STORE_CANDIDATE, STORE_LIVE};

/// What was done to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    Promote,
    Rollback,
    ShadowStart,
    ShadowStop,
}

/// One line of the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) time: String,
    pub(super) deed: Deed,
    /// The version that is in force, or in the shadow, from then on; `None`: the rules in the binary, or no candidate.
    pub(super) version: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
}

/// A store, held alone.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// Held until the store is dropped: two promotions at once take turns.
    _lock: Option<File>,
}

impl Store {
    /// Opens a store to change it; makes the folder if there is none.
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let make = || {
            fs::create_dir_all(dir.join("versions"))?;
            let lock = OpenOptions::new().create(true).append(true).open(dir.join(".lock"))?;
            lock.lock()?;
            Ok(lock)
        };
        let lock = make().map_err(|error| wrong(dir, "cannot be opened", &error))?;
        Ok(Self { dir: dir.to_owned(), _lock: Some(lock) })
    }

    /// Opens a store to look at it.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        if !dir.join("versions").is_dir() {
            let dir = dir.display();
            return Err(Failure::new(format!(
                "{dir} is no store of rulesets; `sidewall rules promote PATH` makes one"
            )));
        }
        Ok(Self { dir: dir.to_owned(), _lock: None })
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a version.
    pub(super) fn folder(&self, version: &str) -> PathBuf {
        self.dir.join("versions").join(version)
    }

    /// All versions, sorted.
    pub(super) fn versions(&self) -> Result<Vec<String>, Failure> {
        let dir = self.dir.join("versions");
        let entries = fs::read_dir(&dir).map_err(|error| wrong(&dir, "cannot be read", &error))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        Ok(names)
    }

    /// The version in force; `None`: the rules in the binary.
    pub(super) fn live(&self) -> Option<String> {
        self.linked(STORE_LIVE)
    }

    /// The version in the shadow.
    pub(super) fn candidate(&self) -> Option<String> {
        self.linked(STORE_CANDIDATE)
    }

    fn linked(&self, name: &str) -> Option<String> {
        let target = fs::read_link(self.dir.join(name)).ok()?;
        target.file_name().and_then(|name| name.to_str()).map(str::to_owned)
    }

    /// Keeps ruleset files (name, text) whose set has this hash; returns the version's name: the hash, with a number where other files
    /// make up the same rules (other comments, say).
    pub(super) fn keep(&self, hash: &str, files: &[(String, String)]) -> Result<String, Failure> {
        let mut files: Vec<_> = files.iter().map(|(name, text)| (base_name(name), text.as_str())).collect();
        files.sort_unstable();
        if let Some((name, _)) =
            files.windows(2).find_map(|pair| pair.first().filter(|(a, _)| pair.last().is_some_and(|(b, _)| a == b)))
        {
            return Err(Failure::new(format!("two files are called {name}; give each its own name")));
        }
        let name = |number: u32| if number == 1 { hash.to_owned() } else { format!("{hash}.{number}") };
        for version in (1..).map(name) {
            let folder = self.folder(&version);
            if !folder.exists() {
                self.write(&folder, &files).map_err(|error| wrong(&folder, "cannot be written", &error))?;
                return Ok(version);
            }
            let same =
                |(name, text): &(&str, &str)| fs::read_to_string(folder.join(name)).is_ok_and(|old| old == *text);
            let count = fs::read_dir(&folder).map_or(0, Iterator::count);
            if count == files.len() && files.iter().all(same) {
                return Ok(version);
            }
        }
        Err(Failure::new("there are too many versions of these rules"))
    }

    fn write(&self, folder: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
        let new = self.dir.join("versions").join(".new");
        // What a run that was interrupted has left.
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        fs::create_dir(&new)?;
        for (name, text) in files {
            let mut file = File::create_new(new.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        File::open(&new)?.sync_all()?;
        fs::rename(&new, folder)?;
        File::open(self.dir.join("versions"))?.sync_all()
    }

    /// Puts `version` in force, or in the shadow, at once; `None` takes the link away. Notes it in the history.
    pub(super) fn point(&self, deed: Deed, version: Option<&str>, note: &str) -> Result<(), Failure> {
        let name = match deed {
            Deed::Promote | Deed::Rollback => STORE_LIVE,
            Deed::ShadowStart | Deed::ShadowStop => STORE_CANDIDATE,
        };
        let link = self.dir.join(name);
        let swap = || {
            match version {
                Some(version) => {
                    let new = self.dir.join(".link");
                    if new.symlink_metadata().is_ok() {
                        fs::remove_file(&new)?;
                    }
                    symlink(Path::new("versions").join(version), &new)?;
                    fs::rename(&new, &link)?;
                }
                None if link.symlink_metadata().is_ok() => fs::remove_file(&link)?,
                None => {}
            }
            File::open(&self.dir)?.sync_all()
        };
        swap().map_err(|error| wrong(&link, "cannot be changed", &error))?;
        let event = Event {
            time: Timestamp::now().to_string(),
            deed,
            version: version.map(str::to_owned),
            note: note.to_owned(),
        };
        let file = self.dir.join("history.jsonl");
        let note = || {
            let mut line = serde_json::to_vec(&event)?;
            line.push(b'\n');
            let mut history = OpenOptions::new().create(true).append(true).open(&file)?;
            history.write_all(&line)?;
            history.sync_all()
        };
        note().map_err(|error| wrong(&file, "cannot be written", &error))
    }

    /// What was done, in order.
    pub(super) fn history(&self) -> Vec<Event> {
        let text = fs::read_to_string(self.dir.join("history.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The version that was in force before the one that is: promotions stack up, and each rollback takes one off. `None`: nothing was
    /// promoted that could be taken back; `Some(None)`: the rules in the binary.
    pub(super) fn earlier(&self) -> Option<Option<String>> {
        let mut stack: Vec<Option<String>> = vec![None];
        for event in self.history() {
            match event.deed {
                Deed::Promote if stack.last() != Some(&event.version) => stack.push(event.version),
                Deed::Rollback => {
                    // To an earlier one: all that came after it is taken off.
                    match stack.iter().rposition(|version| *version == event.version) {
                        Some(at) => stack.truncate(at + 1),
                        None => stack.push(event.version),
                    }
                }
                _ => {}
            }
        }
        stack.pop()?;
        stack.pop()
    }
}

fn base_name(name: &str) -> &str {
    Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name)
}

fn wrong(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<(String, String)> {
        vec![("a/rules.toml".to_owned(), text.to_owned())]
    }

    #[test]
    fn versions_are_kept_once_and_never_changed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let first = store.keep("abc", &files("1")).unwrap();
        assert_eq!(store.keep("abc", &files("1")).unwrap(), first);
        assert_eq!(store.keep("abc", &files("# 1")).unwrap(), "abc.2");
        assert_eq!(fs::read_to_string(store.folder("abc").join("rules.toml")).unwrap(), "1");
        assert_eq!(store.versions().unwrap(), ["abc", "abc.2"]);
        let twice = [files("1"), files("2")].concat();
        assert!(store.keep("def", &twice).unwrap_err().to_string().contains("two files are called rules.toml"));
    }

    #[test]
    fn rollbacks_go_back_promotion_by_promotion() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!((store.live(), store.earlier()), (None, None));
        for version in ["a", "b", "b", "c"] {
            store.keep(version, &files(version)).unwrap();
            store.point(Deed::Promote, Some(version), "").unwrap();
        }
        store.point(Deed::ShadowStart, Some("a"), "").unwrap();
        assert_eq!((store.live(), store.candidate()), (Some("c".into()), Some("a".into())));
        for expected in [Some("b"), Some("a"), None] {
            let earlier = store.earlier().unwrap();
            assert_eq!(earlier.as_deref(), expected);
            store.point(Deed::Rollback, earlier.as_deref(), "").unwrap();
            assert_eq!(store.live().as_deref(), expected);
        }
        assert_eq!(store.earlier(), None);
        store.point(Deed::Promote, Some("c"), "").unwrap();
        assert_eq!(store.earlier(), Some(None));
        store.point(Deed::ShadowStop, None, "").unwrap();
        assert_eq!(store.candidate(), None);
    }
}
