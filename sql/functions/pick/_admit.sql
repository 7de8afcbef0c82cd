-- Which of the candidates of a pick may be claimed: as far as bytes go (p_room; always one if
-- p_first), then slots, then tokens. The others of a saturated key leave the ready set, and those
-- that no pick can hand out fail.
--
-- p_offered: those that were given tokens for this pick; of them those that are not among the
--            candidates, or for which there is no room, keep an offer.
-- ids, bytes: those that may be claimed, and how many bytes they take.
-- rest:      those for which there is no room; they stay as they are.
-- since:     as gendurable._admit_slots. failed: whether any has failed.
-- Locks:  the caller holds the instances, and the names of the keys of p_found.free; as
--         gendurable._fail_too_large.
-- Writes: instances, doorbells, buckets; as gendurable._fail_too_large.
-- Plan:   as gendurable._weigh, _keep_offers, _admit_slots and _admit_tokens.
create function gendurable._admit(p_worker bigint, p_found gendurable.candidates,
                                  p_offered bigint[], p_room bigint, p_first boolean,
                                  out ids bigint[], out bytes bigint, out rest bigint[],
                                  out since timestamptz, out failed boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_load record;
    v_kept bigint[];
begin
    ids := p_found.free;
    rest := '{}';
    failed := false;
    if p_found.heavy then
        v_load := gendurable._weigh(ids, p_room, p_first);
        ids := v_load.fit;
        bytes := v_load.bytes;
        rest := v_load.rest;
        failed := v_load.too_large <> '{}';
        if failed then
            perform gendurable._fail_too_large(p_worker, v_load.too_large);
        end if;
    end if;
    if p_offered is not null then
        v_kept := array(select unnest(p_offered) except select unnest(p_found.found))
                  || array(select unnest(p_offered) intersect select unnest(rest));
        if v_kept <> '{}' then
            perform gendurable._keep_offers(v_kept);
        end if;
    end if;
    if p_found.keyed then
        select a.ids, a.since into ids, since from gendurable._admit_slots(ids) as a;
    end if;
    if p_found.rated then
        ids := gendurable._admit_tokens(ids);
    end if;
end
$$;
comment on function gendurable._admit(bigint, gendurable.candidates, bigint[], bigint, boolean)
    is 'Which of the candidates of a pick may be claimed, as far as bytes, slots and tokens go.';
