-- Whether a pick may want an instance now, or within a second. It passes over what another
-- transaction has locked, and its worker goes to sleep. So a call of a client that locks such an
-- instance and leaves it as it is announces it.
create function gendurable._is_wanted(p_phase gendurable.phase, p_eligible_at timestamptz)
returns boolean
language sql volatile
return p_phase = 'ready'
       or p_phase in ('scheduled', 'awaiting_signal')
          and p_eligible_at <= clock_timestamp() + interval '1 second';
comment on function gendurable._is_wanted(gendurable.phase, timestamptz)
    is 'Whether a pick may want an instance now, or within a second.';
