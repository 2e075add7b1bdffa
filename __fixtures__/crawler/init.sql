-- Runs once, when the postgres container starts with an empty data volume.
-- Tables are made by SQLAlchemy (models.create_tables).
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE SCHEMA IF NOT EXISTS reporting;

DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'crawl_reader') THEN
    CREATE ROLE crawl_reader NOLOGIN;
  END IF;
END
$$;

GRANT USAGE ON SCHEMA public, reporting TO crawl_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO crawl_reader;
GRANT ALL PRIVILEGES ON DATABASE crawl_db TO crawl_user;
