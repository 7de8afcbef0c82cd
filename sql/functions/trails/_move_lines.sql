-- Raises the floors of a kind's lines, and notes the gaps that this leaves.
--
-- A floor rises to the first instance of its line, as far as all transactions respect a cap: those
-- that began after the trail before the latest one do so. Of the others those that are still open
-- may fill what the floor passes over: a gap.
-- p_open: the transactions that were open before this statement.
-- Locks: none. Writes: nothing. Plan: instances_ready, one descent for each line.
create function gendurable._move_lines(p_trail gendurable.trails, p_open xid8[])
returns gendurable.trails
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_most  constant int := 32;
    v_trail gendurable.trails := p_trail;
    v_idle  constant xid8[] := array(select x from unnest(p_open) as x where x < p_trail.xid);
    v_line  gendurable.line;
    v_first record;
    v_gap   gendurable.gap;
    v_last  gendurable.gap;
begin
    v_trail.lines := '{}';
    foreach v_line in array p_trail.lines loop
        v_first := gendurable._first_in_line(p_trail.kind::bigint << 40, v_line.priority,
                                             v_line.floor_at, v_line.floor_id,
                                             v_line.sealed_at, v_line.sealed_id);
        v_gap := (v_line.priority, v_line.floor_at, v_line.floor_id,
                  coalesce(v_first.at, v_line.sealed_at), coalesce(v_first.id, v_line.sealed_id),
                  gendurable._late_comers(p_trail, v_idle, v_line.floor_at), false);
        if (v_gap.until_at, v_gap.until_id) > (v_gap.from_at, v_gap.from_id) then
            v_last := (select g from unnest(v_trail.gaps) as g
                       where g.priority = v_line.priority and not g.occupied
                         and g.pending = v_gap.pending
                         and (g.until_at, g.until_id) = (v_gap.from_at, v_gap.from_id)
                       limit 1);
            if v_gap.pending <> '{}' and v_last is not null then
                v_gap.from_at := v_last.from_at;
                v_gap.from_id := v_last.from_id;
                v_trail.gaps := array_replace(v_trail.gaps, v_last, v_gap);
            elsif v_gap.pending <> '{}' and cardinality(v_trail.gaps) < c_most then
                v_trail.gaps := v_trail.gaps || v_gap;
            end if;
            if v_gap.pending = '{}' or v_gap = any (v_trail.gaps) then
                v_line.floor_at := v_gap.until_at;
                v_line.floor_id := v_gap.until_id;
            end if;
        end if;
        v_line.sealed_at := v_line.cap_at;
        v_line.sealed_id := v_line.cap_id;
        v_trail.lines := v_trail.lines || v_line;
    end loop;
    return v_trail;
end
$$;
comment on function gendurable._move_lines(gendurable.trails, xid8[])
    is 'Raises the floors of a kind''s lines.';
