-- Brings a failed instance back from the archive, to the step that failed or another one, with its
-- state or another one.
--
-- Locks:  the archived row, waiting for another retry of it; its correlation key, waiting.
-- Writes: as gendurable._revive.
-- Errors: GD001 id missing; GD002 a step that is empty or too long.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_retry(id bigint, step text default null, state jsonb default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_retry(bigint,text,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    if gd_retry.id is null then
        perform gendurable._refuse('GD001', 'id is required',
                                   'Name the failed instance by its id.');
    elsif gd_retry.step is not null then
        perform gendurable._check_name('step', gd_retry.step);
    end if;

    return gendurable._revive(gd_retry.id, gd_retry.step, gd_retry.state);
end
$$;
comment on function public.gd_retry(bigint, text, jsonb)
    is 'Brings a failed instance back; retried, no_target, not_failed or key_taken.';
