-- The transactions that are open now, but this one; and an id below which no other one is open.
--
-- Those of all databases: the server does not say which one they belong to.
create function gendurable._open_transactions(out xids xid8[], out next xid8)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant pg_snapshot := pg_current_snapshot();
begin
    next := pg_snapshot_xmax(v_now);
    xids := array(select x from pg_snapshot_xip(v_now) as x where x <> pg_current_xact_id());
end
$$;
comment on function gendurable._open_transactions() is 'The transactions that are open now.';
