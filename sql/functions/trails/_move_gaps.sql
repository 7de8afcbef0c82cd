-- Looks at the gaps of which a pending transaction has ended: what is empty, and can only stay so,
-- is a gap no longer.
--
-- Locks: none. Writes: nothing. Plan: instances_ready, one descent for each such gap.
create function gendurable._move_gaps(p_trail gendurable.trails, p_open xid8[])
returns gendurable.gap[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_gaps    gendurable.gap[] := array[]::gendurable.gap[];
    v_gap     gendurable.gap;
    v_pending xid8[];
    v_first   record;
begin
    foreach v_gap in array p_trail.gaps loop
        v_pending := array(select x from unnest(v_gap.pending) as x where x = any (p_open)
                           order by x);
        if v_gap.occupied or v_pending <> v_gap.pending then
            v_first := gendurable._first_in_line(p_trail.kind::bigint << 40, v_gap.priority,
                                                 v_gap.from_at, v_gap.from_id,
                                                 v_gap.until_at, v_gap.until_id);
            v_gap.occupied := v_first.id is not null;
            v_gap.pending := v_pending;
            if v_gap.occupied and v_pending = '{}' then
                v_gap.from_at := v_first.at;
                v_gap.from_id := v_first.id;
            end if;
        end if;
        if v_gap.occupied or v_pending <> '{}' then
            v_gaps := v_gaps || v_gap;
        end if;
    end loop;
    return v_gaps;
end
$$;
comment on function gendurable._move_gaps(gendurable.trails, xid8[])
    is 'Looks at gaps of which a pending transaction has ended.';
