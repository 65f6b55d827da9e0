//! Old folders go.

use std::fs;
use std::io;
use std::path::Path;

/// Removes all but the `keep` newest entries of `folder` by name, which begins with an id that sorts by time. Those in use stay.
pub(crate) fn keep_newest(folder: &Path, keep: usize, in_use: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let mut names: Vec<String> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    names.retain(|name| !in_use(name));
    names.sort();
    let over = names.len().saturating_sub(keep);
    names.iter().take(over).try_for_each(|name| fs::remove_dir_all(folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_those_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.1", "b.1", "c.1", "d.1"] {
            fs::create_dir_all(folder.path().join(name).join("inner")).unwrap();
        }
        keep_newest(folder.path(), 2, &|name| name == "a.1").unwrap();
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["a.1", "c.1", "d.1"]);
        keep_newest(&folder.path().join("absent"), 0, &|_| false).unwrap();
    }
}
