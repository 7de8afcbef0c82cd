-- Notes until when the transactions below an id have begun; answers the id, which is that of the
-- caller's subtransaction. The caller has begun one that has not written yet: so each transaction
-- with a later id began after this call.
--
-- An id is read from what was written under it; no function tells the one of a subtransaction.
-- Locks: none. Writes: moments. Plan: by ctid.
create function gendurable._note_moment() returns xid8
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_place tid;
    v_low   bigint;
    v_top   bigint := pg_current_xact_id()::text::bigint;
    v_xid   xid8;
begin
    insert into gendurable.moments as m (at) values (clock_timestamp())
    returning m.ctid, m.xmin::text::bigint into v_place, v_low;
    -- It was given its id after the transaction it is part of, and less than 2^31 ids later.
    v_xid := (v_top + ((v_low - v_top) & 4294967295))::text::xid8;
    update gendurable.moments as m set xid = v_xid where m.ctid = v_place;
    return v_xid;
end
$$;
comment on function gendurable._note_moment()
    is 'Notes until when the transactions below an id have begun.';
