-- Tryton's doorbell for nervo. The owner installs it once in Tryton's PostgreSQL database: psql -f doorbell.sql DATABASE
-- One message a transaction, when it commits: PostgreSQL drops equal notifications of the same transaction.
CREATE OR REPLACE FUNCTION nervo_doorbell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_notify('bus', json_build_object('channel', 'nervo', 'message', json_build_object('message_id', txid_current()::text))::text);
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER nervo_doorbell AFTER INSERT OR UPDATE OR DELETE ON stock_move
  FOR EACH STATEMENT EXECUTE FUNCTION nervo_doorbell();
