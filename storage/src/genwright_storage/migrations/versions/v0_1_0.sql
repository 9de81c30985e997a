CREATE TABLE actor (
    id INTEGER NOT NULL,
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    display TEXT NOT NULL,
    disabled_ns INTEGER,
    CONSTRAINT pk_actor PRIMARY KEY (id),
    CONSTRAINT ck_actor_kind CHECK (kind IN ('user', 'service', 'plugin')),
    CONSTRAINT uq_actor_uid UNIQUE (uid),
    CONSTRAINT uq_actor_subject UNIQUE (subject)
)
 STRICT;

CREATE TABLE environment (
    id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    python TEXT NOT NULL,
    platform TEXT NOT NULL,
    device TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_environment PRIMARY KEY (id),
    CONSTRAINT ck_environment_digest_length CHECK (length(digest) = 32),
    CONSTRAINT uq_environment_digest UNIQUE (digest)
)
 STRICT;

CREATE TABLE log_entry (
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    CONSTRAINT pk_log_entry PRIMARY KEY (seq),
    CONSTRAINT ck_log_entry_digest_length CHECK (length(digest) = 32),
    CONSTRAINT ck_log_entry_leaf_length CHECK (length(leaf) = 32)
)
 STRICT;

CREATE INDEX ix_log_entry_kind_log_entry_seq ON log_entry (kind, seq);

CREATE TABLE log_tile (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    CONSTRAINT pk_log_tile PRIMARY KEY (level, idx)
)
 STRICT;

CREATE TABLE log_frontier (
    id INTEGER NOT NULL,
    size INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    CONSTRAINT pk_log_frontier PRIMARY KEY (id),
    CONSTRAINT ck_log_frontier_single CHECK (id = 1)
)
 STRICT;

CREATE TABLE note (
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    body TEXT NOT NULL,
    fence INTEGER,
    created_ns INTEGER NOT NULL,
    CONSTRAINT pk_note PRIMARY KEY (size),
    CONSTRAINT ck_note_root_length CHECK (length(root) = 32)
)
 STRICT;

CREATE TABLE outbox (
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT ck_outbox_digest_length CHECK (length(digest) = 32)
)
 STRICT;

CREATE TABLE retention (
    id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    keep_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_retention PRIMARY KEY (id)
)
 STRICT;

CREATE TABLE role_grant (
    id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_by INTEGER,
    granted_ns INTEGER NOT NULL,
    revoked_ns INTEGER,
    CONSTRAINT pk_role_grant PRIMARY KEY (id),
    CONSTRAINT ck_role_grant_role CHECK (role IN ('viewer', 'generator', 'reviewer', 'auditor', 'admin')),
    CONSTRAINT fk_role_grant_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_role_grant_granted_by FOREIGN KEY(granted_by) REFERENCES actor (id)
)
 STRICT;

CREATE TABLE note_witness (
    size INTEGER NOT NULL,
    name TEXT NOT NULL,
    signature BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    CONSTRAINT pk_note_witness PRIMARY KEY (size, name),
    CONSTRAINT fk_note_witness_size FOREIGN KEY(size) REFERENCES note (size)
)
 STRICT;

CREATE TABLE checkpoint (
    id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    card TEXT NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_checkpoint PRIMARY KEY (id),
    CONSTRAINT uq_checkpoint_digest UNIQUE (digest),
    CONSTRAINT uq_checkpoint_seq UNIQUE (seq),
    CONSTRAINT fk_checkpoint_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE TABLE run (
    id INTEGER NOT NULL,
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    domain TEXT NOT NULL,
    environment_id INTEGER NOT NULL,
    actor_id INTEGER,
    model TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    parent TEXT,
    config TEXT NOT NULL,
    seed INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    salt BLOB NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_run PRIMARY KEY (id),
    CONSTRAINT uq_run_uid UNIQUE (uid),
    CONSTRAINT uq_run_seq UNIQUE (seq),
    CONSTRAINT ck_run_uid_length CHECK (length(uid) = 32),
    CONSTRAINT fk_run_environment_id FOREIGN KEY(environment_id) REFERENCES environment (id),
    CONSTRAINT fk_run_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_run_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_run_parent ON run (parent);

CREATE INDEX ix_run_checkpoint ON run (checkpoint);

CREATE TABLE tombstone (
    kind TEXT NOT NULL,
    target INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    reason TEXT NOT NULL,
    legal_basis TEXT,
    actor_id INTEGER,
    seq INTEGER,
    CONSTRAINT pk_tombstone PRIMARY KEY (kind, target),
    CONSTRAINT ck_tombstone_leaf_length CHECK (length(leaf) = 32),
    CONSTRAINT fk_tombstone_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_tombstone_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE TABLE hold (
    id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor_id INTEGER,
    placed_ns INTEGER NOT NULL,
    released_ns INTEGER,
    CONSTRAINT pk_hold PRIMARY KEY (id),
    CONSTRAINT fk_hold_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id)
)
 STRICT;

CREATE TABLE checkpoint_file (
    checkpoint_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    CONSTRAINT pk_checkpoint_file PRIMARY KEY (checkpoint_id, path),
    CONSTRAINT fk_checkpoint_file_checkpoint_id FOREIGN KEY(checkpoint_id) REFERENCES checkpoint (id)
)
 STRICT;

CREATE TABLE run_end (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    notes TEXT NOT NULL,
    finished_ns INTEGER,
    salt BLOB NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_run_end PRIMARY KEY (id),
    CONSTRAINT uq_run_end_seq UNIQUE (seq),
    CONSTRAINT fk_run_end_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_run_end_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_run_end_run_id_run_end_seq ON run_end (run_id, seq);

CREATE TABLE run_input (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    digest BLOB,
    sample TEXT,
    CONSTRAINT pk_run_input PRIMARY KEY (id),
    CONSTRAINT fk_run_input_run_id FOREIGN KEY(run_id) REFERENCES run (id)
)
 STRICT;

CREATE TABLE work_item (
    run_id INTEGER NOT NULL,
    first_idx INTEGER NOT NULL,
    last_idx INTEGER NOT NULL,
    state TEXT NOT NULL,
    owner TEXT,
    lease_until_ns INTEGER,
    fence INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    CONSTRAINT pk_work_item PRIMARY KEY (run_id, first_idx),
    CONSTRAINT fk_work_item_run_id FOREIGN KEY(run_id) REFERENCES run (id)
)
 STRICT;

CREATE TABLE batch (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    first_idx INTEGER NOT NULL,
    last_idx INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT ck_batch_root_length CHECK (length(root) = 32),
    CONSTRAINT uq_batch_run_id_first_idx UNIQUE (run_id, first_idx),
    CONSTRAINT uq_batch_seq UNIQUE (seq),
    CONSTRAINT fk_batch_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_batch_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE TABLE score (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    idx INTEGER,
    metric TEXT NOT NULL,
    value REAL,
    error REAL,
    detail TEXT NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_score PRIMARY KEY (id),
    CONSTRAINT fk_score_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_score_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_score_run_id_score_id ON score (run_id, id);

CREATE INDEX ix_score_metric_score_value ON score (metric, value);

CREATE INDEX ix_score_seq ON score (seq);

CREATE TABLE sample (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    digest BLOB NOT NULL,
    payload BLOB,
    flaw TEXT,
    canonical TEXT,
    identity TEXT,
    reviews TEXT,
    parameters TEXT NOT NULL,
    prompt TEXT NOT NULL,
    salt BLOB,
    leaf BLOB NOT NULL,
    erased_seq INTEGER,
    CONSTRAINT pk_sample PRIMARY KEY (id),
    CONSTRAINT ck_sample_digest_length CHECK (length(digest) = 32),
    CONSTRAINT ck_sample_leaf_length CHECK (length(leaf) = 32),
    CONSTRAINT uq_sample_run_id_idx UNIQUE (run_id, idx),
    CONSTRAINT fk_sample_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_sample_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id)
)
 STRICT;

CREATE INDEX ix_sample_identity ON sample (identity) WHERE identity IS NOT NULL;

CREATE INDEX ix_sample_digest ON sample (digest) WHERE payload IS NULL;

CREATE TABLE sample_parent (
    sample_id INTEGER NOT NULL,
    parent_id INTEGER NOT NULL,
    relation TEXT NOT NULL,
    CONSTRAINT pk_sample_parent PRIMARY KEY (sample_id, parent_id, relation),
    CONSTRAINT fk_sample_parent_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id),
    CONSTRAINT fk_sample_parent_parent_id FOREIGN KEY(parent_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE sample_artifact (
    sample_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    digest BLOB NOT NULL,
    CONSTRAINT pk_sample_artifact PRIMARY KEY (sample_id, role, ordinal),
    CONSTRAINT fk_sample_artifact_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE INDEX ix_sample_artifact_digest ON sample_artifact (digest);

CREATE TABLE image_meta (
    sample_id INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    CONSTRAINT pk_image_meta PRIMARY KEY (sample_id),
    CONSTRAINT fk_image_meta_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE audio_meta (
    sample_id INTEGER NOT NULL,
    rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    CONSTRAINT pk_audio_meta PRIMARY KEY (sample_id),
    CONSTRAINT fk_audio_meta_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE text_meta (
    sample_id INTEGER NOT NULL,
    characters INTEGER NOT NULL,
    words INTEGER NOT NULL,
    language TEXT,
    CONSTRAINT pk_text_meta PRIMARY KEY (sample_id),
    CONSTRAINT fk_text_meta_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE molecule_meta (
    sample_id INTEGER NOT NULL,
    formula TEXT NOT NULL,
    weight REAL NOT NULL,
    scaffold TEXT,
    CONSTRAINT pk_molecule_meta PRIMARY KEY (sample_id),
    CONSTRAINT fk_molecule_meta_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE simulation_meta (
    sample_id INTEGER NOT NULL,
    solver TEXT NOT NULL,
    solved INTEGER NOT NULL,
    steps INTEGER,
    CONSTRAINT pk_simulation_meta PRIMARY KEY (sample_id),
    CONSTRAINT fk_simulation_meta_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE TABLE fingerprint (
    sample_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bits BLOB NOT NULL,
    CONSTRAINT pk_fingerprint PRIMARY KEY (sample_id, kind),
    CONSTRAINT fk_fingerprint_sample_id FOREIGN KEY(sample_id) REFERENCES sample (id)
)
 STRICT;

CREATE INDEX ix_fingerprint_kind_fingerprint_bits ON fingerprint (kind, bits);

CREATE TRIGGER batch_update BEFORE UPDATE ON batch BEGIN SELECT RAISE(ABORT, 'evidence is not changed: batch'); END;

CREATE TRIGGER batch_delete BEFORE DELETE ON batch BEGIN SELECT RAISE(ABORT, 'evidence is not changed: batch'); END;

CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'evidence is not changed: checkpoint'); END;

CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'evidence is not changed: checkpoint'); END;

CREATE TRIGGER checkpoint_file_update BEFORE UPDATE ON checkpoint_file BEGIN SELECT RAISE(ABORT, 'evidence is not changed: checkpoint_file'); END;

CREATE TRIGGER checkpoint_file_delete BEFORE DELETE ON checkpoint_file BEGIN SELECT RAISE(ABORT, 'evidence is not changed: checkpoint_file'); END;

CREATE TRIGGER environment_update BEFORE UPDATE ON environment BEGIN SELECT RAISE(ABORT, 'evidence is not changed: environment'); END;

CREATE TRIGGER environment_delete BEFORE DELETE ON environment BEGIN SELECT RAISE(ABORT, 'evidence is not changed: environment'); END;

CREATE TRIGGER log_entry_update BEFORE UPDATE ON log_entry BEGIN SELECT RAISE(ABORT, 'evidence is not changed: log_entry'); END;

CREATE TRIGGER log_entry_delete BEFORE DELETE ON log_entry BEGIN SELECT RAISE(ABORT, 'evidence is not changed: log_entry'); END;

CREATE TRIGGER log_tile_update BEFORE UPDATE ON log_tile BEGIN SELECT RAISE(ABORT, 'evidence is not changed: log_tile'); END;

CREATE TRIGGER log_tile_delete BEFORE DELETE ON log_tile BEGIN SELECT RAISE(ABORT, 'evidence is not changed: log_tile'); END;

CREATE TRIGGER note_update BEFORE UPDATE ON note BEGIN SELECT RAISE(ABORT, 'evidence is not changed: note'); END;

CREATE TRIGGER note_delete BEFORE DELETE ON note BEGIN SELECT RAISE(ABORT, 'evidence is not changed: note'); END;

CREATE TRIGGER note_witness_update BEFORE UPDATE ON note_witness BEGIN SELECT RAISE(ABORT, 'evidence is not changed: note_witness'); END;

CREATE TRIGGER note_witness_delete BEFORE DELETE ON note_witness BEGIN SELECT RAISE(ABORT, 'evidence is not changed: note_witness'); END;

CREATE TRIGGER run_update BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run'); END;

CREATE TRIGGER run_delete BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run'); END;

CREATE TRIGGER run_end_update BEFORE UPDATE ON run_end BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run_end'); END;

CREATE TRIGGER run_end_delete BEFORE DELETE ON run_end BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run_end'); END;

CREATE TRIGGER run_input_update BEFORE UPDATE ON run_input BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run_input'); END;

CREATE TRIGGER run_input_delete BEFORE DELETE ON run_input BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run_input'); END;

CREATE TRIGGER sample_artifact_update BEFORE UPDATE ON sample_artifact BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample_artifact'); END;

CREATE TRIGGER sample_artifact_delete BEFORE DELETE ON sample_artifact BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample_artifact'); END;

CREATE TRIGGER sample_parent_update BEFORE UPDATE ON sample_parent BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample_parent'); END;

CREATE TRIGGER sample_parent_delete BEFORE DELETE ON sample_parent BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample_parent'); END;

CREATE TRIGGER score_update BEFORE UPDATE ON score BEGIN SELECT RAISE(ABORT, 'evidence is not changed: score'); END;

CREATE TRIGGER score_delete BEFORE DELETE ON score BEGIN SELECT RAISE(ABORT, 'evidence is not changed: score'); END;

CREATE TRIGGER tombstone_update BEFORE UPDATE ON tombstone BEGIN SELECT RAISE(ABORT, 'evidence is not changed: tombstone'); END;

CREATE TRIGGER tombstone_delete BEFORE DELETE ON tombstone BEGIN SELECT RAISE(ABORT, 'evidence is not changed: tombstone'); END;

CREATE TRIGGER log_frontier_delete BEFORE DELETE ON log_frontier BEGIN SELECT RAISE(ABORT, 'evidence is not changed: log_frontier'); END;

CREATE TRIGGER sample_delete BEFORE DELETE ON sample BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample'); END;

CREATE TRIGGER sample_update BEFORE UPDATE ON sample WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'sample' AND target = OLD.id AND leaf = OLD.leaf) AND NEW.id = OLD.id AND NEW.run_id = OLD.run_id AND NEW.idx = OLD.idx AND NEW.batch_id = OLD.batch_id AND NEW.leaf = OLD.leaf) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample'); END;
