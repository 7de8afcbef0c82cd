-- Offers the tokens and the slots that doorbells, or buckets that are due, announce. Tokens first:
-- an instance that is given its tokens may have to wait for a slot yet.
--
-- p_tokens: whether there is something to do for tokens (gendurable._announced); if not, there is
--           for slots.
-- p_kinds, p_slots: of the pick that calls; null: no pick. Answers the instances that it claims at
--           once (gendurable._offer_tokens).
-- Locks:  as gendurable._offer_tokens and _offer_slots, never waiting. Writes: as they do.
-- Plan:   as gendurable._announced and _rung.
create function gendurable._answer_doorbells(p_tokens boolean, p_kinds int[] default null,
                                             p_slots int default 0)
returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_mine bigint[];
begin
    if p_tokens then
        if exists (select from gendurable._rung('rate_limit')) then
            perform gendurable._expand_name_doorbells('rate_limit');
        end if;
        v_mine := gendurable._offer_tokens(p_kinds, p_slots);
    end if;
    if not p_tokens or exists (select from gendurable._rung('slot'))
       or exists (select from gendurable._rung('concurrency_limit')) then
        if exists (select from gendurable._rung('concurrency_limit')) then
            perform gendurable._expand_name_doorbells('concurrency_limit');
        end if;
        -- As many slots as a pick hands out are given up before the next one, and as many newcomers
        -- come.
        perform gendurable._offer_slots(greatest(500, 2 * least(p_slots, 10000)), p_kinds);
    end if;
    return v_mine;
end
$$;
comment on function gendurable._answer_doorbells(boolean, int[], int) is
    'Offers the tokens and the slots that doorbells announce.';
