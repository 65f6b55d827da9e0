//! Finds and loads the ONNX Runtime shared library, once a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use pitcrew_kernel::{Error, Result};

/// What the library's file name starts with; a version may follow, as in `libonnxruntime.so.1.32.0`.
const LIBRARY_NAME: &str = "libonnxruntime.so";

/// Where to look for the library, in this order. Every place is handed in; nothing here reads the environment.
#[derive(Debug, Clone, Default)]
pub struct LibrarySearch {
    /// A file, or a folder that holds one, somebody asked for. Then nothing else is tried.
    pub explicit: Option<PathBuf>,
    /// The running executable: its folder and `../lib/pitcrew` beside that are searched.
    pub executable: Option<PathBuf>,
    /// A writable folder into which the library that the binary may carry is unpacked.
    pub unpack_into: Option<PathBuf>,
    /// Cache folders; each is searched itself and in its folder `onnxruntime`.
    pub caches: Vec<PathBuf>,
}

/// The runtime of this process.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) environment: Environment,
    /// The library's version, as far as its file name tells.
    pub(crate) version: String,
}

/// ONNX Runtime allows one environment a process and forbids a second even after the first was dropped, so the first is kept for good.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

impl LibrarySearch {
    /// The runtime of this process: the first library found that loads. Once loaded it stays; later searches get the same one.
    pub(crate) fn runtime(&self) -> Result<Runtime> {
        let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(runtime.clone());
        }
        let candidates = self.candidates()?;
        let mut failures = Vec::new();
        for path in &candidates {
            match load(path) {
                Ok(loaded) => return Ok(runtime.insert(loaded).clone()),
                Err(reason) => failures.push(format!("`{}`: {reason}", path.display())),
            }
        }
        Err(self.missing(&failures))
    }

    /// Every file that could be the library, best first.
    fn candidates(&self) -> Result<Vec<PathBuf>> {
        if let Some(explicit) = &self.explicit {
            return Ok(if explicit.is_dir() { libraries_in(explicit) } else { vec![explicit.clone()] });
        }
        let mut found: Vec<_> = self.beside_executable().iter().flat_map(|folder| libraries_in(folder)).collect();
        if let Some(cache) = &self.unpack_into {
            found.extend(pitcrew_onnxruntime_lib::unpack(cache)?);
        }
        found.extend(self.cache_folders().iter().flat_map(|folder| libraries_in(folder)));
        Ok(found)
    }

    fn beside_executable(&self) -> Vec<PathBuf> {
        let Some(folder) = self.executable.as_deref().and_then(Path::parent) else { return Vec::new() };
        let mut folders = vec![folder.to_owned()];
        folders.extend(folder.parent().map(|up| up.join("lib").join("pitcrew")));
        folders
    }

    fn cache_folders(&self) -> Vec<PathBuf> {
        self.caches.iter().flat_map(|cache| [cache.join("onnxruntime"), cache.clone()]).collect()
    }

    fn missing(&self, failures: &[String]) -> Error {
        let places: Vec<_> = match &self.explicit {
            Some(explicit) => vec![explicit.display().to_string()],
            None => {
                let folders = self.beside_executable().into_iter().chain(self.cache_folders());
                folders.map(|folder| folder.display().to_string()).collect()
            }
        };
        let sentence = if failures.is_empty() {
            format!("ONNX Runtime (`{LIBRARY_NAME}`) was not found; looked in {}", places.join(", "))
        } else {
            format!("ONNX Runtime could not be loaded: {}", failures.join("; "))
        };
        Error::unavailable("SERVING_ENGINE_MISSING", sentence)
            .hint("run `scripts/onnxruntime.sh`, which fetches it into the cache, or put the library beside the `pitcrew` binary")
    }
}

fn load(path: &Path) -> Result<Runtime, String> {
    // The loader searches system folders for a name that does not exist; we load only what we found.
    let path = path.canonicalize().map_err(|error| error.to_string())?;
    let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
    let environment = builder
        .with_name("pitcrew")
        .with_telemetry(false)
        .with_logger(std::sync::Arc::new(log))
        .build()
        .map_err(|error| error.to_string())?;
    environment.set_log_level(LogLevel::Warning);
    let version = version_of(&path);
    tracing::info!(onnxruntime.path = %path.display(), onnxruntime.version = %version, "loaded ONNX Runtime");
    Ok(Runtime { environment, version })
}

/// What ONNX Runtime says in its log also comes back as an error where it matters, so it is detail for us.
fn log(_: LogLevel, category: &str, _: &str, place: &str, message: &str) {
    tracing::debug!(target: "onnxruntime", category, place, "{message}");
}

fn version_of(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.strip_prefix(LIBRARY_NAME).and_then(|rest| rest.strip_prefix('.'));
    version.unwrap_or("of unknown version").to_owned()
}

/// The libraries in `folder`: the plain name first, then the newest version.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| is_library(name)).collect();
    names.sort_by_key(|name| (name != LIBRARY_NAME, std::cmp::Reverse(version_key(name))));
    names.into_iter().map(|name| folder.join(name)).collect()
}

fn is_library(name: &str) -> bool {
    name.strip_prefix(LIBRARY_NAME).is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('.').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    })
}

fn version_key(name: &str) -> Vec<u64> {
    name[LIBRARY_NAME.len()..].split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_places_and_versions() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
        };
        for path in [
            "bin/pitcrew",
            "bin/libonnxruntime.so.1.9.0",
            "bin/libonnxruntime.so.1.32.0",
            "bin/libonnxruntime_providers_shared.so",
            "bin/libonnxruntime.so.gz",
            "lib/pitcrew/libonnxruntime.so",
            "lib/pitcrew/libonnxruntime.so.2.0.0",
            "cache/onnxruntime/libonnxruntime.so.1.30.0",
            "cache/libonnxruntime.so.1.31.0",
        ] {
            put(path);
        }
        let search = LibrarySearch {
            executable: Some(root.path().join("bin/pitcrew")),
            caches: vec![root.path().join("nowhere"), root.path().join("cache")],
            ..LibrarySearch::default()
        };
        let found = search.candidates().unwrap();
        let found: Vec<_> =
            found.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(
            found,
            [
                "bin/libonnxruntime.so.1.32.0",
                "bin/libonnxruntime.so.1.9.0",
                "lib/pitcrew/libonnxruntime.so",
                "lib/pitcrew/libonnxruntime.so.2.0.0",
                "cache/onnxruntime/libonnxruntime.so.1.30.0",
                "cache/libonnxruntime.so.1.31.0",
            ]
        );
        let explicit = LibrarySearch { explicit: Some(root.path().join("elsewhere.so")), ..search };
        assert_eq!(explicit.candidates().unwrap(), [root.path().join("elsewhere.so")], "nothing else is tried");
    }

    #[test]
    fn what_was_tried_is_said() {
        let root = tempfile::tempdir().unwrap();
        let search = LibrarySearch { caches: vec![root.path().to_owned()], ..LibrarySearch::default() };
        let error = search.missing(&[]);
        assert_eq!(error.code(), "SERVING_ENGINE_MISSING");
        assert!(error.detail().contains(root.path().to_str().unwrap()));
        assert!(error.hint_text().unwrap().contains("scripts/onnxruntime.sh"));

        let junk = root.path().join("libonnxruntime.so.1.32.0");
        fs::write(&junk, "not a library").unwrap();
        let reason = load(&junk).unwrap_err();
        assert!(search.missing(&[reason]).detail().contains("could not be loaded"));
        assert_eq!(version_of(&junk), "1.32.0");
    }
}
