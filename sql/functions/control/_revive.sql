-- Brings a failed instance back from the archive; answers what gd_retry answers.
--
-- retry x gc: the archived row's lock decides; gc skips it, or this finds it gone, or moved.
-- retry x the commit in which it fails: the commit may move it to a partition that this has looked
-- through, before this looks among the live ones. gd_status looks at both in one snapshot.
-- Locks:  the archived row; its correlation key; waiting for both.
-- Writes: as gendurable._bring_back.
-- Plan:   as gendurable._archived, gd_status and _bring_back; correlation_keys_pkey.
-- Errors: none. Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function gendurable._revive(p_id bigint, p_step text default null,
                                   p_state jsonb default null)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_place  regclass;
    v_old    gendurable.finished;
    v_status text;
begin
    loop
        v_place := (select a.place from gendurable._archived(p_id) as a);
        if v_place is null then
            v_status := (select s.status from public.gd_status(p_id) as s);
            if v_status is null then
                return 'no_target';
            elsif v_status not in ('done', 'failed') then
                return 'not_failed';
            end if;
            continue;
        end if;
        -- It is not there any more: it was moved or forgotten, or another retry was first.
        execute format('select f.* from %s as f where f.id = $1 for update', v_place)
        into v_old using p_id;
        exit when v_old.id is not null;
    end loop;
    if not v_old.failed then
        return 'not_failed';
    elsif gendurable._occupies(v_old.correlation_key, v_old.correlation_scope)
          and gendurable._take_key(v_old.correlation_key, v_old.id) <> v_old.id then
        return 'key_taken';
    end if;
    perform gendurable._bring_back(v_place, array[p_id], p_step, p_state);
    return 'retried';
end
$$;
comment on function gendurable._revive(bigint, text, jsonb)
    is 'Brings a failed instance back; retried, no_target, not_failed or key_taken.';
