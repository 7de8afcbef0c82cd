-- Offers the tokens and the slots that doorbells, or buckets that are due, announce. Tokens first:
-- an instance that is given its tokens may have to wait for a slot yet.
--
-- p_queue, p_slots: of the pick that calls; null: no pick. Answers the instances that it claims at
-- once (gendurable._offer_tokens).
-- Locks:  as gendurable._offer_tokens and _offer_slots, never waiting. Writes: as they do.
-- Plan:   doorbells_key and buckets_due, one descent each when nothing is announced.
create function gendurable._answer_doorbells(p_queue text default null, p_slots int default 0)
returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now               timestamptz := clock_timestamp();
    -- which kinds of doorbells there are; a bucket that is due counts as one for tokens
    v_rate_limit        boolean;
    v_tokens            boolean;
    v_concurrency_limit boolean;
    v_slot              boolean;
    v_mine              bigint[];
begin
    -- One statement where nothing is announced, which is nearly always.
    select t.rate_limit, t.tokens,
           not (t.rate_limit or t.tokens)
           and exists (select from gendurable.doorbells as d where d.kind = 'concurrency_limit'),
           not (t.rate_limit or t.tokens)
           and exists (select from gendurable.doorbells as d where d.kind = 'slot')
    into v_rate_limit, v_tokens, v_concurrency_limit, v_slot
    from (select exists (select from gendurable.doorbells as d
                         where d.kind = 'rate_limit') as rate_limit,
                 exists (select from gendurable.doorbells as d where d.kind = 'tokens')
                 or exists (select from gendurable.buckets as b where b.due_at <= v_now) as tokens
          offset 0) as t;
    if v_rate_limit or v_tokens then
        if v_rate_limit then
            perform gendurable._expand_name_doorbells('rate_limit');
        end if;
        v_mine := gendurable._offer_tokens(p_queue, p_slots);
        select exists (select from gendurable.doorbells as d where d.kind = 'concurrency_limit'),
               exists (select from gendurable.doorbells as d where d.kind = 'slot')
        into v_concurrency_limit, v_slot;
    end if;
    if v_concurrency_limit then
        perform gendurable._expand_name_doorbells('concurrency_limit');
    end if;
    if v_concurrency_limit or v_slot then
        -- As many slots as a pick hands out are given up before the next one, and as many newcomers
        -- come.
        perform gendurable._offer_slots(greatest(500, 2 * least(p_slots, 10000)));
    end if;
    return v_mine;
end
$$;
comment on function gendurable._answer_doorbells(text, int) is
    'Offers the tokens and the slots that doorbells announce.';
