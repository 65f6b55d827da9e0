//! One SQL text means one thing.

use std::time::Duration;

use pitcrew_db::Arg;
use pitcrew_kernel::{Digest, Timestamp};

use crate::{add, each};

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_was() {
    for test in each().await {
        let (low, high) = (i64::MIN, i64::MAX);
        let picture = vec![0u8, 255, 39, 36, 0];
        let floats = [0.1, -0.5, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, 1.0 / 3.0];
        let bytes = picture.clone();
        let rows = test
            .db
            .write(move |tx| {
                for (n, float) in (0i64..).zip(floats) {
                    let id = if n == 0 { low } else { high - n };
                    tx.exec(
                        "INSERT INTO notes (id, body, weight, picture) VALUES ($1, $2, $3, $4)",
                        &[id.into(), format!("it's $1, {n} \u{1F6B2}").into(), float.into(), Arg::bytes(&bytes)],
                    )?;
                }
                tx.all("SELECT id, body, weight, picture FROM notes ORDER BY id DESC", &[], |row| {
                    Ok((row.int(0)?, row.text(1)?, row.float(2)?, row.bytes(3)?))
                })
            })
            .await
            .unwrap();
        assert_eq!(rows.len(), floats.len(), "{}", test.name);
        assert_eq!(
            rows.last().unwrap(),
            &(low, "it's $1, 0 \u{1F6B2}".to_owned(), 0.1, picture.clone()),
            "{}",
            test.name
        );
        for (row, float) in rows.iter().zip(&floats[1..]) {
            assert_eq!(row.2.to_bits(), float.to_bits(), "{}: {float:e}", test.name);
        }
    }
}

#[tokio::test]
async fn nulls_of_every_type_are_null_and_nan_is_one() {
    for test in each().await {
        let found = test
            .db
            .write(|tx| {
                let insert = "INSERT INTO notes (id, body, weight, picture) VALUES ($1, $2, $3, $4)";
                tx.exec(insert, &[1i64.into(), "none".into(), Arg::Float(None), Arg::Bytes(None)])?;
                tx.exec(insert, &[2i64.into(), "nan".into(), f64::NAN.into(), Arg::Bytes(None)])?;
                tx.exec(insert, &[3i64.into(), "some".into(), 2.5.into(), Arg::bytes(&[])])?;
                // NULL where the database must find the type by itself.
                let typed = tx.one(
                    "SELECT coalesce($1, body), coalesce($2, id), coalesce($3, weight) FROM notes WHERE id = 3",
                    &[Arg::Text(None), Arg::Int(None), Arg::Float(None)],
                    |row| Ok((row.text(0)?, row.int(1)?, row.float(2)?)),
                )?;
                let weights = tx.all("SELECT weight, picture FROM notes ORDER BY id", &[], |row| {
                    Ok((row.opt_float(0)?, row.opt_bytes(1)?))
                })?;
                Ok((typed, weights))
            })
            .await
            .unwrap();
        assert_eq!(
            found,
            (("some".to_owned(), 3, 2.5), vec![(None, None), (None, None), (Some(2.5), Some(Vec::new()))]),
            "{}",
            test.name
        );
    }
}

#[tokio::test]
async fn placeholders_go_by_number_not_by_place() {
    for test in each().await {
        let found = test
            .db
            .write(|tx| {
                tx.exec(
                    "INSERT INTO notes (body, id, weight) VALUES ($2, $1, $3)",
                    &[7i64.into(), "seven".into(), 0.5.into()],
                )?;
                tx.one(
                    "SELECT id, body FROM notes WHERE weight = $2 AND id = $1 AND id < $1 + 1",
                    &[7i64.into(), 0.5.into()],
                    |row| Ok((row.int(0)?, row.text(1)?)),
                )
            })
            .await
            .unwrap();
        assert_eq!(found, (7, "seven".to_owned()), "{}", test.name);
    }
}

#[tokio::test]
async fn returning_and_on_conflict() {
    for test in each().await {
        add(&test.db, 1, "one").await.unwrap();
        let (touched, updated, deleted) = test
            .db
            .write(|tx| {
                let untouched = tx.exec("INSERT INTO notes (id, body) VALUES (1, 'other') ON CONFLICT (id) DO NOTHING", &[])?;
                let updated = tx.one(
                    "INSERT INTO notes (id, body, weight) VALUES ($1, $2, $3) \
                     ON CONFLICT (id) DO UPDATE SET weight = excluded.weight, body = notes.body || '!' RETURNING body, weight",
                    &[1i64.into(), "two".into(), 2.0.into()],
                    |row| Ok((row.text(0)?, row.float(1)?)),
                )?;
                let deleted = tx.all("DELETE FROM notes WHERE id < $1 RETURNING id", &[5i64.into()], |row| row.int(0))?;
                Ok((untouched, updated, deleted))
            })
            .await
            .unwrap();
        assert_eq!((touched, updated, deleted), (0, ("one!".to_owned(), 2.0), vec![1]), "{}", test.name);
    }
}

#[tokio::test]
async fn typed_columns_read_as_what_they_hold() {
    for test in each().await {
        let (time, digest) = (Timestamp::from_millis(5).plus(Duration::from_micros(1)), Digest::from_bytes([9; 32]));
        let (read_time, read_digest, flag) = test
            .db
            .write(move |tx| {
                tx.exec("INSERT INTO notes (id, body) VALUES ($1, $2)", &[time.into(), digest.into()])?;
                tx.one("SELECT id, body, CAST($1 AS BIGINT) FROM notes", &[true.into()], |row| {
                    Ok((row.time(0)?, row.parsed::<Digest>(1)?, row.flag(2)?))
                })
            })
            .await
            .unwrap();
        assert_eq!((read_time, read_digest, flag), (time, digest, true), "{}", test.name);
        let error = test.db.read(|tx| tx.one("SELECT body FROM notes", &[], |row| row.int(0))).await.unwrap_err();
        assert_eq!(error.code(), "INTERNAL", "{}", test.name);
        let error = test.db.read(|tx| tx.one("SELECT body FROM notes", &[], |row| row.parsed::<Timestamp>(0))).await;
        assert_eq!(error.unwrap_err().code(), "INTERNAL", "{}", test.name);
    }
}

#[tokio::test]
async fn a_taken_key_is_a_conflict_and_other_constraints_are_our_defect() {
    for test in each().await {
        add(&test.db, 1, "one").await.unwrap();
        assert_eq!(add(&test.db, 1, "other").await.unwrap_err().code(), "ALREADY_EXISTS", "{}", test.name);
        assert_eq!(add(&test.db, 2, "one").await.unwrap_err().code(), "ALREADY_EXISTS", "{}", test.name);
        let missing = test.db.write(|tx| tx.exec("INSERT INTO notes (id, body) VALUES (3, NULL)", &[])).await;
        assert_eq!(missing.unwrap_err().code(), "INTERNAL", "{}", test.name);
    }
}

#[tokio::test]
async fn text_with_a_nul_is_refused_before_it_reaches_a_database() {
    for test in each().await {
        assert_eq!(add(&test.db, 1, "a\0b").await.unwrap_err().code(), "TEXT_INVALID", "{}", test.name);
        add(&test.db, 1, "ab").await.unwrap();
    }
}
