//! A version is served only if its bytes are those that were signed.

use pitcrew_contracts::registry::Models as _;
use pitcrew_db::Db;

use crate::yard::{Yard, model, version};

async fn code(yard: &Yard) -> &'static str {
    yard.registry.bytes(yard.ctx(), &version(1)).await.err().map_or("", |error| error.code())
}

async fn forge(db: &Db, sql: String) {
    assert_eq!(db.write(move |tx| tx.exec(&sql, &[])).await.unwrap(), 1);
}

#[tokio::test]
async fn a_flipped_byte_is_noticed() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        assert_eq!(code(&yard).await, "", "{}", yard.name());
        let digest = yard.registry.get_version(yard.ctx(), &version(1)).await.unwrap().digest.unwrap();
        let file = yard.object(&digest);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[3] ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(code(&yard).await, "BLOB_CORRUPT", "{}", yard.name());
    }
}

#[tokio::test]
async fn a_forged_row_is_noticed() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        let stranger = yard.blobs.put(model(0.1).to_string()).await.unwrap();
        forge(yard.db(), format!("UPDATE registry_versions SET digest = '{stranger}'")).await;
        assert_eq!(code(&yard).await, "MODEL_SIGNATURE_INVALID", "{}: other bytes", yard.name());
    }
}

#[tokio::test]
async fn a_signature_of_another_version_or_key_does_not_do() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        let swap = "UPDATE registry_versions SET signature = (SELECT signature FROM registry_versions WHERE version = 2), \
             digest = (SELECT digest FROM registry_versions WHERE version = 2) WHERE version = 1";
        forge(yard.db(), swap.to_owned()).await;
        assert_eq!(code(&yard).await, "MODEL_SIGNATURE_INVALID", "{}: version 2 sold as version 1", yard.name());
        for (field, value) in
            [("key_id", "0000000000000000"), ("algorithm", "none"), ("value", "AAAA"), ("value", "!!")]
        {
            let mut signature = yard.registry.get_version(yard.ctx(), &version(2)).await.unwrap().signature.unwrap();
            match field {
                "key_id" => signature.key_id = value.to_owned(),
                "algorithm" => signature.algorithm = value.to_owned(),
                _ => signature.value = value.to_owned(),
            }
            let text = serde_json::to_string(&signature).unwrap();
            forge(yard.db(), format!("UPDATE registry_versions SET signature = '{text}' WHERE version = 1")).await;
            assert_eq!(code(&yard).await, "MODEL_SIGNATURE_INVALID", "{}: {field} {value}", yard.name());
        }
        forge(yard.db(), "UPDATE registry_versions SET signature = NULL WHERE version = 1".to_owned()).await;
        assert_eq!(code(&yard).await, "MODEL_NOT_SERVABLE", "{}: no signature", yard.name());
    }
}
