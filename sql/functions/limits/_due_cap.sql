-- The earliest moment that this transaction may write into a bucket as that at which it is due, or
-- full: the floors may rise to there while it is open.
--
-- The transaction has its id before it looks. So whatever moves the floors later on sees it among
-- those that are open, or sees what it wrote, or knows that it has seen this cap.
-- Locks: none. Writes: nothing. Plan: limit_trails_pkey, one descent.
create function gendurable._due_cap() returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_cap timestamptz;
begin
    perform pg_current_xact_id();
    select t.cap into v_cap
    from gendurable.limit_trails as t
    where t.xmin = t.xid::xid
    order by t.seq desc
    limit 1;
    return greatest(v_cap, clock_timestamp());
end
$$;
comment on function gendurable._due_cap() is
    'The earliest moment that this transaction may write into a bucket.';
