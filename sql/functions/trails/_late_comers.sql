-- Of transactions that are open those that may have made an instance ready whose place is p_at or
-- later: all but those that are known to have begun a second before that.
--
-- No instance has a later place than the beginning of the transaction that makes it ready. The
-- second is for a clock that is set back a little.
-- Locks: none. Writes: nothing. Plan: moments_at, one descent.
create function gendurable._late_comers(p_open xid8[], p_at timestamptz) returns xid8[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_xid xid8;
begin
    if p_open = '{}' then
        return p_open;
    end if;
    select m.xid into v_xid
    from gendurable.moments as m
    where m.at < p_at - interval '1 s' and m.xmin = m.xid::xid
    order by m.at desc
    limit 1;
    return array(select x from unnest(p_open) as x
                 where v_xid is null or x >= v_xid
                 order by x);
end
$$;
comment on function gendurable._late_comers(xid8[], timestamptz)
    is 'Open transactions that may have made an instance ready at a place or later.';
