DROP TABLE note_witness;

DROP TABLE run_input;

DROP TABLE sample_artifact;

DROP TABLE sample_parent;

DROP TABLE work_item;

DROP TABLE audio_meta;

DROP TABLE image_meta;

DROP TABLE molecule_meta;

DROP TABLE simulation_meta;

DROP TABLE text_meta;

DROP TABLE fingerprint;

DROP TABLE hold;

DROP TABLE retention;

DROP TABLE role_grant;

DROP TABLE tombstone;

ALTER TABLE batch ADD COLUMN version INTEGER DEFAULT 1 NOT NULL;

ALTER TABLE log_frontier ADD COLUMN note TEXT;

CREATE TABLE erasure_due (
    id INTEGER NOT NULL,
    digest BLOB,
    CONSTRAINT pk_erasure_due PRIMARY KEY (id)
)
 STRICT;

ALTER TABLE log_tile ADD COLUMN root BLOB;

CREATE TABLE fingerprint (
    kind TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    samples BLOB NOT NULL,
    bits BLOB NOT NULL,
    CONSTRAINT pk_fingerprint PRIMARY KEY (kind, first_id)
)
 STRICT;

CREATE TABLE run_condition (
    run_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    number REAL,
    word TEXT,
    CONSTRAINT pk_run_condition PRIMARY KEY (run_id, name),
    CONSTRAINT fk_run_condition_run_id FOREIGN KEY(run_id) REFERENCES run (id)
)
 STRICT;

CREATE INDEX ix_run_condition_name_run_condition_number ON run_condition (name, number);

CREATE TABLE search_state (
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    last_id INTEGER NOT NULL,
    CONSTRAINT pk_search_state PRIMARY KEY (kind)
)
 STRICT;

CREATE INDEX ix_sample_run_id ON sample (run_id);

CREATE INDEX ix_score_sample ON score (run_id, idx, metric) WHERE idx IS NOT NULL;
ALTER TABLE log_frontier ADD COLUMN fence INTEGER;

CREATE TABLE hold (
    id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    placed_by INTEGER,
    placed_ns INTEGER NOT NULL,
    seq INTEGER,
    ended_by INTEGER,
    ended_reason TEXT,
    ended_ns INTEGER,
    ended_seq INTEGER,
    CONSTRAINT pk_hold PRIMARY KEY (id),
    CONSTRAINT fk_hold_placed_by FOREIGN KEY(placed_by) REFERENCES actor (id),
    CONSTRAINT fk_hold_seq FOREIGN KEY(seq) REFERENCES log_entry (seq),
    CONSTRAINT fk_hold_ended_by FOREIGN KEY(ended_by) REFERENCES actor (id),
    CONSTRAINT fk_hold_ended_seq FOREIGN KEY(ended_seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_hold_seq ON hold (seq);

CREATE TABLE retention (
    id INTEGER NOT NULL,
    scope TEXT NOT NULL,
    keep_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    placed_by INTEGER,
    placed_ns INTEGER NOT NULL,
    seq INTEGER,
    ended_by INTEGER,
    ended_reason TEXT,
    ended_ns INTEGER,
    ended_seq INTEGER,
    CONSTRAINT pk_retention PRIMARY KEY (id),
    CONSTRAINT fk_retention_placed_by FOREIGN KEY(placed_by) REFERENCES actor (id),
    CONSTRAINT fk_retention_seq FOREIGN KEY(seq) REFERENCES log_entry (seq),
    CONSTRAINT fk_retention_ended_by FOREIGN KEY(ended_by) REFERENCES actor (id),
    CONSTRAINT fk_retention_ended_seq FOREIGN KEY(ended_seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_retention_seq ON retention (seq);

CREATE TABLE review (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    meaning TEXT NOT NULL,
    reason TEXT NOT NULL,
    verifier TEXT NOT NULL,
    signature BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_review PRIMARY KEY (id),
    CONSTRAINT fk_review_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_review_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_review_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_review_run_id_review_idx ON review (run_id, idx);

CREATE INDEX ix_review_seq ON review (seq);

CREATE TABLE role_grant (
    id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    placed_by INTEGER,
    placed_ns INTEGER NOT NULL,
    seq INTEGER,
    ended_by INTEGER,
    ended_reason TEXT,
    ended_ns INTEGER,
    ended_seq INTEGER,
    CONSTRAINT pk_role_grant PRIMARY KEY (id),
    CONSTRAINT ck_role_grant_role CHECK (role IN ('viewer', 'generator', 'reviewer', 'auditor', 'admin')),
    CONSTRAINT fk_role_grant_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_role_grant_placed_by FOREIGN KEY(placed_by) REFERENCES actor (id),
    CONSTRAINT fk_role_grant_seq FOREIGN KEY(seq) REFERENCES log_entry (seq),
    CONSTRAINT fk_role_grant_ended_by FOREIGN KEY(ended_by) REFERENCES actor (id),
    CONSTRAINT fk_role_grant_ended_seq FOREIGN KEY(ended_seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_role_grant_actor_id ON role_grant (actor_id);

CREATE INDEX ix_role_grant_seq ON role_grant (seq);

CREATE TABLE signing_key (
    id INTEGER NOT NULL,
    verifier TEXT NOT NULL,
    reason TEXT NOT NULL,
    proof BLOB,
    seq INTEGER,
    CONSTRAINT pk_signing_key PRIMARY KEY (id),
    CONSTRAINT uq_signing_key_verifier UNIQUE (verifier),
    CONSTRAINT fk_signing_key_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_signing_key_seq ON signing_key (seq);

CREATE TABLE tombstone (
    kind TEXT NOT NULL,
    target INTEGER NOT NULL,
    ref TEXT NOT NULL,
    leaf BLOB NOT NULL,
    reason TEXT NOT NULL,
    legal_basis TEXT,
    actor_id INTEGER,
    created_ns INTEGER NOT NULL,
    seq INTEGER,
    CONSTRAINT pk_tombstone PRIMARY KEY (kind, target),
    CONSTRAINT ck_tombstone_kind CHECK (kind IN ('sample', 'run', 'end', 'score', 'review')),
    CONSTRAINT ck_tombstone_leaf_length CHECK (length(leaf) = 32),
    CONSTRAINT fk_tombstone_actor_id FOREIGN KEY(actor_id) REFERENCES actor (id),
    CONSTRAINT fk_tombstone_seq FOREIGN KEY(seq) REFERENCES log_entry (seq)
)
 STRICT;

CREATE INDEX ix_tombstone_seq ON tombstone (seq);

DROP TRIGGER run_update;

DROP TRIGGER run_end_update;

DROP TRIGGER sample_update;

DROP TRIGGER score_update;

CREATE TRIGGER review_update BEFORE UPDATE ON review WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'review' AND target = OLD.id) AND NEW.id IS OLD.id AND NEW.run_id IS OLD.run_id AND NEW.idx IS OLD.idx AND NEW.actor_id IS OLD.actor_id AND NEW.accepted IS OLD.accepted AND NEW.verifier IS OLD.verifier AND NEW.created_ns IS OLD.created_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: review'); END;

CREATE TRIGGER review_delete BEFORE DELETE ON review BEGIN SELECT RAISE(ABORT, 'evidence is not changed: review'); END;

CREATE TRIGGER signing_key_update BEFORE UPDATE ON signing_key BEGIN SELECT RAISE(ABORT, 'evidence is not changed: signing_key'); END;

CREATE TRIGGER signing_key_delete BEFORE DELETE ON signing_key BEGIN SELECT RAISE(ABORT, 'evidence is not changed: signing_key'); END;

CREATE TRIGGER tombstone_update BEFORE UPDATE ON tombstone BEGIN SELECT RAISE(ABORT, 'evidence is not changed: tombstone'); END;

CREATE TRIGGER tombstone_delete BEFORE DELETE ON tombstone BEGIN SELECT RAISE(ABORT, 'evidence is not changed: tombstone'); END;

CREATE TRIGGER run_update BEFORE UPDATE ON run WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'run' AND target = OLD.id) AND NEW.id IS OLD.id AND NEW.uid IS OLD.uid AND NEW.kind IS OLD.kind AND NEW.environment_id IS OLD.environment_id AND NEW.actor_id IS OLD.actor_id AND NEW.model IS OLD.model AND NEW.checkpoint IS OLD.checkpoint AND NEW.parent IS OLD.parent AND NEW.planned IS OLD.planned AND NEW.started_ns IS OLD.started_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run'); END;

CREATE TRIGGER run_end_update BEFORE UPDATE ON run_end WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'end' AND target = OLD.id) AND NEW.id IS OLD.id AND NEW.run_id IS OLD.run_id AND NEW.state IS OLD.state AND NEW.finished_ns IS OLD.finished_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: run_end'); END;

CREATE TRIGGER sample_update BEFORE UPDATE ON sample WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'sample' AND target = OLD.id) AND NEW.id IS OLD.id AND NEW.run_id IS OLD.run_id AND NEW.idx IS OLD.idx AND NEW.batch_id IS OLD.batch_id AND NEW.leaf IS OLD.leaf) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: sample'); END;

CREATE TRIGGER score_update BEFORE UPDATE ON score WHEN NOT (EXISTS (SELECT 1 FROM tombstone WHERE kind = 'score' AND target = OLD.id) AND NEW.id IS OLD.id AND NEW.run_id IS OLD.run_id AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: score'); END;

CREATE TRIGGER hold_delete BEFORE DELETE ON hold BEGIN SELECT RAISE(ABORT, 'evidence is not changed: hold'); END;

CREATE TRIGGER hold_update BEFORE UPDATE ON hold WHEN NOT (OLD.ended_ns IS NULL AND NEW.id IS OLD.id AND NEW.scope IS OLD.scope AND NEW.reason IS OLD.reason AND NEW.placed_by IS OLD.placed_by AND NEW.placed_ns IS OLD.placed_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: hold'); END;

CREATE TRIGGER retention_delete BEFORE DELETE ON retention BEGIN SELECT RAISE(ABORT, 'evidence is not changed: retention'); END;

CREATE TRIGGER retention_update BEFORE UPDATE ON retention WHEN NOT (OLD.ended_ns IS NULL AND NEW.id IS OLD.id AND NEW.scope IS OLD.scope AND NEW.keep_ns IS OLD.keep_ns AND NEW.reason IS OLD.reason AND NEW.placed_by IS OLD.placed_by AND NEW.placed_ns IS OLD.placed_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: retention'); END;

CREATE TRIGGER role_grant_delete BEFORE DELETE ON role_grant BEGIN SELECT RAISE(ABORT, 'evidence is not changed: role_grant'); END;

CREATE TRIGGER role_grant_update BEFORE UPDATE ON role_grant WHEN NOT (OLD.ended_ns IS NULL AND NEW.id IS OLD.id AND NEW.actor_id IS OLD.actor_id AND NEW.role IS OLD.role AND NEW.scope IS OLD.scope AND NEW.placed_by IS OLD.placed_by AND NEW.placed_ns IS OLD.placed_ns AND NEW.seq IS OLD.seq) BEGIN SELECT RAISE(ABORT, 'evidence is not changed: role_grant'); END;
