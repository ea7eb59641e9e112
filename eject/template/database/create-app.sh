#!/bin/sh
# The server's own database and user, which may change nothing outside of it. The server creates its tables.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$APP_DATABASE_PASSWORD" --username="${POSTGRES_USER:-postgres}" <<'SQL'
CREATE ROLE app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE app OWNER app;
REVOKE ALL ON DATABASE app FROM PUBLIC;
SQL
