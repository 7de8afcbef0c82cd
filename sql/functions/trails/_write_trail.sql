-- Writes the trail that follows another one, with a transaction's id and the moment before which
-- all transactions with earlier ids have begun.
--
-- What has a later id has to have begun after the old trail was seen, so the id is a new one, that
-- of a subtransaction. It is read from what was written under it; no function tells it.
-- The moment is taken after the id. A clock that was set back leaves the moments in order.
-- Locks: none; the caller holds the trail's. Writes: trails. Plan: trails_pkey; by ctid.
create function gendurable._write_trail(p_old gendurable.trails, p_new gendurable.trails)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_moments gendurable.moment[] := p_old.moments;
    v_place   tid;
    v_id      xid;
begin
    if cardinality(v_moments) = 32 then
        -- The one goes whose neighbours are the nearest to each other for their age. So they reach
        -- far back, and the older the coarser.
        v_moments := array(
            select row(n.at, n.xid)::gendurable.moment
            from (select m.*, row_number() over (
                      order by (v_moments[m.nth + 1].at - v_moments[m.nth - 1].at)
                               / extract(epoch from p_old.at - m.at + '1 ms')) as thinness
                  from unnest(v_moments) with ordinality as m (at, xid, nth)) as n
            where n.thinness > 1
            order by n.nth);
    end if;
    if p_old.xid <> '0' then
        v_moments := v_moments || row(p_old.at, p_old.xid)::gendurable.moment;
    end if;
    -- One alone, so that it is found at once: each one before it was deleted by its successor.
    delete from gendurable.trails as t where t.kind = p_old.kind and t.seq = p_old.seq;
    begin
        insert into gendurable.trails as t
            (kind, seq, xid, at, moments, lines, gaps, bound, runs, pending)
        values (p_old.kind, p_old.seq + 1, '0', p_old.at, v_moments, p_new.lines, p_new.gaps,
                p_new.bound, p_new.runs, p_new.pending)
        returning t.ctid, t.xmin into v_place, v_id;
        -- It was given its id after the transaction that it is part of.
        update gendurable.trails as t
        set xid = gendurable._full_id(pg_current_xact_id(), v_id),
            at = greatest(p_old.at, clock_timestamp())
        where t.ctid = v_place;
    -- The block is there for the id. Nothing in it fails.
    exception when sqlstate 'GD000' then
        null;
    end;
end
$$;
comment on function gendurable._write_trail(gendurable.trails, gendurable.trails)
    is 'Writes the trail that follows another one.';
