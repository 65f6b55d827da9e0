//! From files to versions.

use std::collections::HashSet;
use std::time::Duration;

use pitcrew_data::{Gate, referenced_digests};
use pitcrew_kernel::{Access, Cause, PageRequest};

use crate::{Lab, bikes, hours, name};

#[tokio::test]
async fn the_first_refresh_makes_version_one_and_nothing_new_makes_none() {
    for lab in Lab::each().await {
        lab.write("2011-01.csv", hours(1, 48));
        let first = lab.refresh().await.unwrap();
        assert!(first.created);
        let version = &first.version;
        assert_eq!((version.version, version.reference.to_string()), (1, "bikes@1".to_owned()));
        assert_eq!((version.rows, version.bytes, version.new_bytes), (48, version.files[0].bytes, version.bytes));
        assert_eq!(version.files[0].path, "2011-01.csv");
        assert_eq!(version.gate, Gate::Passed);
        lab.write("2011-01.csv", hours(1, 48));
        let again = lab.refresh().await.unwrap();
        assert!(!again.created);
        assert_eq!(again.version.digest, version.digest);
        assert_eq!(lab.versions().await, [1]);
        assert_eq!(lab.event_names().await, ["data.version_created"]);
    }
}

#[tokio::test]
async fn a_new_file_stores_only_its_own_bytes_and_untouched_files_are_not_hashed_again() {
    for lab in Lab::each().await {
        lab.write("2011-01.csv", hours(1, 48));
        lab.much_later();
        let first = lab.refresh().await.unwrap().version;
        lab.write("2011-02.csv", hours(2, 24));
        let second = lab.refresh().await.unwrap();
        assert!(second.created);
        let version = second.version;
        assert_eq!((version.version, version.rows, version.files.len()), (2, 72, 2));
        assert_eq!(version.new_bytes, version.files[1].bytes);
        assert_eq!(version.files[0], first.files[0]);
        assert_eq!(lab.versions().await, [2, 1]);
    }
}

#[tokio::test]
async fn a_changed_file_is_noticed_even_when_its_size_and_time_stay() {
    for lab in Lab::each().await {
        lab.write("2011-01.csv", hours(1, 48));
        lab.much_later();
        lab.refresh().await.unwrap();
        let path = lab.project.path().join("data/2011-01.csv");
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let text = hours(1, 48).replace(",16\n", ",61\n");
        std::fs::write(&path, text).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(lab.refresh().await.unwrap().created);
        assert_eq!(lab.versions().await, [2, 1]);
    }
}

#[tokio::test]
async fn going_back_to_old_content_is_a_new_version_of_no_new_bytes() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let first = lab.refresh().await.unwrap().version;
        lab.write("a.csv", hours(1, 72));
        lab.refresh().await.unwrap();
        lab.write("a.csv", hours(1, 48));
        let third = lab.refresh().await.unwrap().version;
        assert_eq!((third.version, third.new_bytes, third.digest), (3, 0, first.digest));
    }
}

#[tokio::test]
async fn a_dry_run_foretells_and_keeps_nothing() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let foretold = lab.data.refresh(&lab.world.ctx, &name(), true).await.unwrap();
        assert!(foretold.created);
        assert!(lab.versions().await.is_empty());
        assert!(lab.event_names().await.is_empty());
        assert!(!lab.blobs.contains(&foretold.version.digest).await.unwrap());
        let made = lab.refresh().await.unwrap();
        assert_eq!(
            (made.version.digest, made.version.new_bytes),
            (foretold.version.digest, foretold.version.new_bytes)
        );
        lab.write("a.csv", hours(1, 47));
        lab.write("b.csv", "ts,temp,hum,weathersit,cnt\n2011-02-01 00:00:00,0.5,0.5,1,-5\n");
        let error = lab.data.refresh(&lab.world.ctx, &name(), true).await.unwrap_err();
        assert_eq!(error.code(), "DATA_CHECKS_FAILED");
        let reports = lab.data.check_reports(&lab.world.ctx, &name(), &Default::default()).await.unwrap();
        assert_eq!(reports.items.iter().map(|report| report.gate).collect::<Vec<_>>(), [Gate::Passed]);
    }
}

#[tokio::test]
async fn concurrent_refreshes_make_one_version() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let all = (0..8).map(|_| lab.refresh());
        let outcomes = futures_util::future::try_join_all(all).await.unwrap();
        assert_eq!(outcomes.iter().filter(|refreshed| refreshed.created).count(), 1);
        assert_eq!(lab.versions().await, [1]);
    }
}

#[tokio::test]
async fn what_led_to_a_version_is_kept_with_it() {
    for mut lab in Lab::each().await {
        let cause = Cause { kind: "alert".into(), id: "al_1".into(), summary: "error over its objective".into() };
        lab.world.ctx = lab.world.ctx.clone().because(cause.clone());
        lab.write("a.csv", hours(1, 48));
        assert_eq!(lab.refresh().await.unwrap().version.cause, Some(cause.clone()));
        assert_eq!(lab.events().await[0].cause, Some(cause.clone()));
        lab.write("a.csv", hours(1, 2));
        lab.refresh().await.unwrap_err();
        let reports = lab.data.check_reports(&lab.world.ctx, &name(), &Default::default()).await.unwrap();
        assert_eq!(reports.items[0].cause, Some(cause));
    }
}

#[tokio::test]
async fn stricter_checks_are_run_on_unchanged_files() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        let mut stricter = bikes();
        stricter.checks = serde_json::from_str(r#"[{"rows": {"min": 1000}}]"#).unwrap();
        lab.declare(stricter).await.unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_CHECKS_FAILED");
        lab.declare(bikes()).await.unwrap();
        assert!(!lab.refresh().await.unwrap().created);
        assert_eq!(lab.versions().await, [1]);
    }
}

#[tokio::test]
async fn garbage_collection_keeps_what_versions_refer_to() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let first = lab.refresh().await.unwrap().version;
        lab.write("a.csv", hours(1, 72));
        let second = lab.refresh().await.unwrap().version;
        let garbage = lab.blobs.put("garbage").await.unwrap();
        let keep: HashSet<_> = lab.db().read(referenced_digests).await.unwrap().into_iter().collect();
        lab.world.clock.advance(Duration::from_secs(86_400));
        lab.blobs.gc(&keep, Duration::from_secs(3_600), false).await.unwrap();
        assert!(!lab.blobs.contains(&garbage).await.unwrap());
        for digest in [first.digest, first.files[0].digest, second.digest, second.files[0].digest] {
            lab.blobs.verify(&digest).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_object_lost_since_is_stored_again() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        lab.much_later();
        let first = lab.refresh().await.unwrap().version;
        lab.world.clock.advance(Duration::from_secs(86_400));
        lab.blobs.gc(&HashSet::new(), Duration::from_secs(1), false).await.unwrap();
        lab.write("b.csv", hours(2, 48));
        lab.refresh().await.unwrap();
        lab.blobs.verify(&first.files[0].digest).await.unwrap();
    }
}

#[tokio::test]
async fn who_may_only_read_cannot_refresh() {
    for lab in Lab::each().await {
        let reader = lab.world.ctx_with(Access::Read);
        assert_eq!(lab.data.refresh(&reader, &name(), false).await.unwrap_err().code(), "FORBIDDEN");
        let nobody = lab.world.ctx_with(Access::Public);
        assert_eq!(lab.data.get(&nobody, &name()).await.unwrap_err().code(), "FORBIDDEN");
        assert_eq!(lab.data.list(&nobody, &Default::default()).await.unwrap_err().code(), "FORBIDDEN");
    }
}

#[tokio::test]
async fn old_reports_go_and_new_ones_stay() {
    const MAX_REPORTS: usize = 200;
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 1));
        let mut last = String::new();
        for _ in 0..MAX_REPORTS + 3 {
            last = lab.refresh().await.unwrap_err().hint_text().unwrap().to_owned();
        }
        let page = PageRequest { limit: Some(1_000), page: None };
        let reports = lab.data.check_reports(&lab.world.ctx, &name(), &page).await.unwrap().items;
        assert_eq!(reports.len(), MAX_REPORTS);
        assert!(last.contains(&reports[0].id.to_string()));
    }
}
